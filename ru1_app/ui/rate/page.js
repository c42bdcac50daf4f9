// Puts the page together: the state, what is shown of it, and the start. `ru1rate.start(element)` is called when the
// mark-up is in the page.
(() => {
  const R = window.ru1rate;
  R.state = {
    token: null, tab: '', person: null, signedIn: false, words: null, turn: null, item: null, judgement: null, mark: null,
    category: null, chosen: false, mode: '', feedback: null, held: null, lost: null, busy: '', undo: 0, serial: 0,
    requestId: null, notice: '', gate: null,
  };
  const text = (selector, value) => { const node = R.find(selector); if (node.textContent !== value) node.textContent = value; };

  // Which part of the page is there: loading, signin, work, idle (nothing open, or the item was lost).
  const place = () => {
    const { signedIn, person, item, lost, words } = R.state;
    const at = !signedIn ? 'signin' : !person || !words ? 'loading' : lost ? 'lost' : item ? 'work' : 'idle';
    R.root.dataset.at = at;
    R.find('.rate-signin').hidden = at !== 'signin';
    R.find('.rate-bar').hidden = at === 'signin' || at === 'loading';
    R.find('.rate-work').hidden = !['work', 'lost'].includes(at);
    R.find('.rate-work').inert = at === 'lost';
    R.find('.rate-idle').hidden = !(at === 'idle' || at === 'lost' || at === 'loading');
    R.find('.rate-idle .rate-button').hidden = at === 'loading';
    text('.rate-idle p', at === 'loading' ? 'Loading…' : lost || idleText());
    fit();
    R.find('.rate-actions').dataset.stage = R.state.feedback ? 'feedback' : item ? item.stage : '';
  };
  // The work takes what is left of the window's height below the lines above it.
  const fit = () => {
    const work = R.find('.rate-work');
    if (!work.hidden) R.root.style.setProperty('--rate-top', `${Math.ceil(work.getBoundingClientRect().top + scrollY) + 26}px`);
  };
  const idleText = () => {
    const { notice, busy, turn } = R.state;
    if (notice) return notice;
    if (busy || !turn) return 'Taking the next item…';
    const gate = gateNow();
    if (gate && !gate.passed && (gate.failed || gate.done >= gate.of)) {
      return `The training is not passed: ${gate.needed} of ${gate.of} must be right. Ask your lead how to go on.`;
    }
    return 'Nothing is left for you to rate. Thank you. Look again later.';
  };
  const gateNow = () => (R.state.turn && R.state.turn.progress && R.state.turn.progress.gate) || (R.state.person && R.state.person.gate) || null;

  const progress = () => {
    const gate = gateNow();
    const { today, total, open } = (R.state.turn && R.state.turn.progress) || {};
    const parts = gate && !gate.passed ? [['Training', `${gate.done} of ${gate.of}`], ['right', `${gate.right}, needed ${gate.needed}`]]
      : [['Today', today], ['Total', total], ['Open', open]];
    R.find('.rate-progress').replaceChildren(...parts.filter((each) => each[1] !== undefined)
      .map(([name, value]) => R.el('span', {}, `${name} `, R.el('b', {}, String(value)))));
    const before = R.state.gate;
    R.state.gate = gate && { ...gate };
    const done = before && gate && !before.passed && gate.passed;
    const again = before && gate && !gate.passed && (gate.attempt || 0) > (before.attempt || 0);
    if (done || again) {
      R.state.toldAt = R.state.serial;
      R.emit('told', done ? 'Training passed. From here on your judgements count.'
        : `That set was not passed: fewer than ${gate.needed} of ${gate.of} were right. Another one begins.`);
    } else if (R.state.serial !== R.state.toldAt) R.emit('told', ''); // it was said beside the item before this one
    const undo = R.find('.rate-actions [data-action="undo"]');
    undo.firstChild.textContent = R.state.undo ? `Undo (${R.state.undo})` : 'Undo';
    undo.disabled = !R.state.undo;
    text('.rate-who', R.state.person ? R.state.person.name : '');
  };
  const wrong = (found) => {
    text('.rate-actions .rate-error', found ? found.message : '');
    for (const part of R.root.querySelectorAll('[data-field]')) part.classList.toggle('rate-wrong', Boolean(found && found.field && part.dataset.field === found.field));
    const part = found && R.find(`[data-field="${found.field}"]`);
    if (part) part.scrollIntoView({ block: 'nearest' });
  };
  const busy = () => {
    const { busy: doing } = R.state;
    R.root.classList.toggle('rate-busy', Boolean(doing));
    R.find('.rate-form').inert = Boolean(doing);
    for (const button of R.root.querySelectorAll('.rate-actions button')) button.disabled = Boolean(doing);
    text('.rate-doing', doing);
    place();
    progress();
    if (!doing) R.drafts.push(); // what changed before a refusal
  };

  R.on('person', () => { place(); progress(); });
  R.on('item', () => { wrong(null); place(); progress(); R.stages.build(); R.viewer.place(); });
  R.on('item-lost', () => { place(); R.find('.rate-idle').scrollIntoView({ block: 'nearest' }); });
  R.on('judgement', (field) => {
    wrong(null);
    R.form.refresh();
    if (field === 'marks') R.marks.draw();
    R.drafts.changed();
  });
  R.on('marks', () => { R.form.refresh(); R.marks.draw(); });
  R.on('mode', () => R.form.refresh());
  R.on('wrong', wrong);
  R.on('busy', busy);
  R.on('refused', (error) => R.desk.refused(error));
  R.on('told', (said) => { text('.rate-told', said); R.find('.rate-told').hidden = !said; });
  R.on('saved', ({ kind, text: said }) => { text('.rate-saved', said); R.find('.rate-saved').dataset.kind = kind; });
  R.on('image-lost', () => wrong({ message: 'An image did not load; it is tried again.' }));
  R.on('images', () => wrong(null));
  R.on('line', (up) => { R.find('.rate-line').hidden = up; });

  R.start = async (element) => {
    R.root = element.querySelector('.rate');
    for (const slot of R.root.querySelectorAll('[data-key]')) { // <span data-key="action" title="label"> becomes its button
      const button = R.button(slot.dataset.key, slot.textContent, { title: slot.title || null, 'aria-label': slot.getAttribute('aria-label') });
      button.classList.add(...slot.classList);
      slot.replaceWith(button);
    }
    R.keys.start();
    R.viewer.start();
    R.gestures.start();
    R.signin.start();
    R.desk.start();
    R.drafts.tidy();
    place();
    new ResizeObserver(fit).observe(R.find('.rate-page'));
    addEventListener('resize', fit);
    R.state.ready = R.api.persist('words', []).then((found) => { R.state.words = found; });
    await R.signin.resume();
  };
})();
