// What opens over or beside the item: the key sheet, the reasons for skipping, the guidelines.
(() => {
  const R = window.ru1rate;
  let before = null; // what had the focus

  const open = (mode, title, ...children) => {
    const sheet = R.find('.rate-sheet');
    before = document.activeElement;
    const close = R.button('close', 'Close');
    sheet.replaceChildren(R.el('div.rate-card', { role: 'dialog', 'aria-modal': 'true', 'aria-label': title, tabindex: '-1' },
      R.el('header', {}, R.el('h2', {}, title), close), ...children));
    sheet.hidden = false;
    R.find('.rate-page').inert = true;
    R.keys.mode(mode);
    sheet.firstChild.focus();
  };
  const close = () => {
    const sheet = R.find('.rate-sheet');
    if (sheet.hidden) return;
    sheet.hidden = true;
    sheet.replaceChildren();
    R.find('.rate-page').inert = false;
    R.keys.mode('');
    if (before && before.isConnected && before !== document.body) before.focus();
  };

  // The keys of the stage of the moment and of the modes it has, group by group.
  const help = () => {
    if (R.state.mode === 'help') { close(); return; }
    const scope = R.keys.scope();
    const modes = { blind: ['categories', 'mark'], reveal: ['categories', 'mark', 'scale'] }[scope] || [];
    const shown = new Set(); // the letters of the categories serve two modes and are listed once
    const lists = [scope, ...modes].map((each) => {
      const entries = R.keymap.keys.filter((key) => key.scopes.includes(each) && !shown.has(key));
      entries.forEach((key) => shown.add(key));
      const groups = [...new Set(entries.map((key) => key.group))];
      const title = (group) => (each === scope ? group : R.keymap.scopes[each]);
      return groups.map((group) => R.el('section', {}, R.el('h3', {}, title(group)), R.el('dl', {},
        entries.filter((key) => key.group === group).map((key) => [
          R.el('dt', {}, key.keys.map((cap) => R.el('kbd', {}, R.cap(cap)))), R.el('dd', {}, key.label)]))));
    });
    open('help', `Keys: ${R.keymap.scopes[scope] || ''}`, R.el('div.rate-keys', {}, lists.flat()));
  };

  const skip = () => {
    if (!R.state.item || R.state.busy) return;
    const field = R.el('input', { type: 'text', maxlength: '200', 'aria-label': 'Another reason', placeholder: 'Another reason, in your words' });
    const wrong = R.el('p.rate-error', { role: 'alert' });
    const form = R.el('form.rate-row', { novalidate: true }, field, R.el('button.rate-button.rate-primary', { type: 'submit' }, 'Skip', R.el('kbd', {}, '⏎')), R.kbd('own-reason'));
    form.onsubmit = (event) => {
      event.preventDefault();
      const reason = field.value.trim();
      if (!reason) { wrong.textContent = 'Say why you skip this item, or choose a reason.'; return; }
      send(reason);
    };
    field.onkeydown = (event) => { if (event.key === 'Escape') field.blur(); };
    open('skip', 'Why do you skip this item?',
      R.el('p.rate-small', {}, 'It goes back to the pool. Somebody else may be able to judge it.'),
      R.el('div.rate-reasons', {}, (R.state.words.skip_reasons || []).map((reason, index) => {
        const button = R.button(`reason:${index}`, reasonText(reason));
        button.classList.add('rate-choice');
        return button;
      })), form, wrong);
  };
  const reasonText = (reason) => {
    const text = (typeof reason === 'string' ? reason : reason.label || reason.code).replaceAll('_', ' ');
    return text.charAt(0).toUpperCase() + text.slice(1);
  };
  const send = (reason) => { close(); R.desk.skip(typeof reason === 'string' ? reason : reason.code); };

  // The guidelines are the app's own text and the only mark-up here that is not made of elements.
  const guide = () => {
    const place = R.find('.rate-guide');
    if (place.hidden && !place.childElementCount && R.state.words) {
      const { version, html } = R.state.words.guidelines;
      const text = R.el('div.rate-prose', {});
      text.innerHTML = html;
      place.append(R.el('header', {}, R.el('h2', {}, `Guidelines, version ${version}`), R.button('guide', 'Close')), text);
    }
    place.hidden = !place.hidden;
    R.root.classList.toggle('rate-guided', !place.hidden);
    R.find('.rate-bar [data-action="guide"]').setAttribute('aria-expanded', !place.hidden);
    R.viewer.place();
    R.say(place.hidden ? 'Guidelines closed' : 'Guidelines open');
  };

  Object.assign(R.actions, {
    help, skip, guide, close,
    reason: (index) => { const reason = (R.state.words.skip_reasons || [])[index]; if (reason) send(reason); },
    'own-reason': () => R.find('.rate-sheet input').focus(),
    leave: () => {
      if (R.state.mark !== null) { R.marks.choose(null); return; }
      if (!R.find('.rate-guide').hidden) guide();
    },
  });
  R.sheets = { close };
})();
