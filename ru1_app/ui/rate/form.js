// The judgement's form: verdict, severity, categories, marks, confidence, comment, and the 1-5 scale of the reveal.
// Built once for a stage; `refresh` shows what the judgement says, so that a field keeps its caret.
(() => {
  const R = window.ru1rate;
  const SURE = ['A guess', 'Fairly sure', 'Sure'];
  const SCALE = ['Nothing', 'A little', 'Some', 'Much', 'Everything'];
  const judgement = () => R.state.judgement;
  const may = () => judgement() && !R.state.busy && !R.state.feedback && !R.state.lost;

  // `action` shows the key of the field's own action in its title.
  const field = (name, title, action, ...children) => R.el(`section.rate-field.rate-for-${name}`, {
    'data-field': name, role: 'group', 'aria-label': title,
  }, R.el('h3', {}, R.el('span', {}, title), action && R.kbd(action)), ...children);
  const choice = (action, label, hint) => {
    const button = R.button(action, label, { title: hint, 'aria-pressed': 'false' });
    button.classList.add('rate-choice');
    return button;
  };
  const hinted = (text, part) => { part.querySelector('h3').append(R.el('small', {}, text)); return part; };
  const comment = () => {
    const box = R.el('textarea', { rows: '2', 'aria-label': 'Comment', placeholder: 'Only what the fields cannot say' });
    box.oninput = () => { judgement().comment = box.value; R.emit('judgement', 'comment'); };
    const count = R.el('span.rate-count', {});
    const part = field('comment', 'Comment', 'comment', box);
    part.querySelector('h3').append(count);
    return part;
  };

  const verdicts = (terms) => field('verdict', 'Verdict', null,
    R.el('div.rate-row', {}, terms.map((each, index) => choice(`verdict:${index}`, each.label, each.definition))),
    R.el('p.rate-meaning', {}));
  const severities = (terms) => field('severity', 'How bad is it', null, R.el('div.rate-row', {},
    terms.map((each) => {
      const button = choice(`severity:${each.value}`, `${each.value}`, `${each.label}: ${each.definition}`);
      button.firstChild.after(R.el('small', {}, each.label));
      return button;
    })));
  const categories = (terms) => field('categories', 'What is wrong', 'categories',
    R.el('div.rate-grid', {}, terms.map((each) => R.el('div.rate-category', { 'data-code': each.code },
      choice(`category:${each.code}`, each.label, each.definition),
      R.el('span.rate-degrees', { role: 'group', 'aria-label': `Severity of ${each.label}` },
        [0, 1, 2, 3].map((value) => R.el('button.rate-button', {
          type: 'button', 'data-value': value, 'aria-label': `${each.label}: severity ${value}`,
          onclick: (event) => { if (event.detail) event.currentTarget.blur(); degree(each.code, value); },
        }, String(value))))))),
    R.el('p.rate-said', { hidden: true }), R.button('clear-categories', 'Clear the categories', { hidden: true }));
  const marks = () => hinted('drag a box or click a point on the recovered image', field('marks', 'Marks', null, R.el('div.rate-row', {}, R.button('box', 'Box'), R.button('point', 'Point'), R.button('hand', 'Hand', { title: 'Dragging moves the view instead of drawing', 'aria-pressed': String(R.gestures.isHand()) }),
      R.button('marks-hidden', 'Hide')), R.el('ul.rate-list', {})));
  const sure = () => field('confidence', 'How sure are you', null, R.el('div.rate-row', {},
    SURE.map((label, index) => choice(`confidence:${index + 1}`, label))));
  const scale = () => field('scale', 'Hallucinated, compared with the reference', 'scale', R.el('div.rate-row', {},
    SCALE.map((label, index) => {
      const button = choice(`global:${index + 1}`, String(index + 1));
      button.firstChild.after(R.el('small', {}, label));
      return button;
    })));

  const build = (stage) => {
    const { taxonomy } = R.state.words;
    return [verdicts(taxonomy.verdicts), severities(taxonomy.severities), stage === 'reveal' && scale(),
      categories(taxonomy.categories), marks(), sure(), comment()];
  };

  // One line for each mark, made anew only when marks come, go or change their category.
  let listed = '';
  const list = (regions) => {
    const place = R.find('.rate-list');
    if (!place) return;
    const now = JSON.stringify([regions.map((each) => [R.marks.isPoint(each), each.category]), R.state.serial]);
    if (now !== listed || place.childElementCount !== regions.length) {
      listed = now;
      place.replaceChildren(...regions.map((each, index) => {
        const kind = `${index + 1} ${R.marks.isPoint(each) ? 'Point' : 'Box'}`;
        const select = R.el('select', { 'aria-label': `Category of mark ${index + 1}` },
          R.el('option', { value: '' }, 'no category'),
          R.state.words.taxonomy.categories.map((term) => R.el('option', { value: term.code, selected: term.code === each.category }, term.label)));
        select.onchange = () => { R.marks.choose(index); actions.markAs(select.value); };
        return R.el('li', {}, R.el('button.rate-button', { type: 'button', onclick: (event) => { if (event.detail) event.currentTarget.blur(); R.marks.choose(index); } }, kind),
          select, R.el('button.rate-button', { type: 'button', 'aria-label': `Remove mark ${index + 1}`, onclick: () => R.marks.remove(index) }, '×'));
      }));
    }
    [...place.children].forEach((row, index) => row.firstChild.setAttribute('aria-pressed', index === R.state.mark));
  };
  const press = (prefix, value) => {
    for (const button of R.root.querySelectorAll(`.rate-form [data-action^="${prefix}:"]`)) {
      button.setAttribute('aria-pressed', button.dataset.action === `${prefix}:${value}`);
    }
  };
  const refresh = () => {
    const now = judgement();
    const box = R.find('.rate-form textarea');
    if (!now || !box) return;
    if (box.value !== now.comment) box.value = now.comment;
    const length = Array.from(now.comment.trim()).length;
    const count = R.find('.rate-count');
    count.textContent = `${length} / ${R.state.words.max_comment}`;
    count.classList.toggle('rate-over-limit', length > R.state.words.max_comment);
    if (!now.regions) return R.stages.refresh(press);
    const { verdicts: terms } = R.state.words.taxonomy;
    press('verdict', terms.findIndex((each) => each.code === now.verdict));
    const meant = R.rules.verdictOf(now.verdict);
    R.find('.rate-meaning').textContent = meant ? meant.definition : 'Keys 1 to 5, or click. What each one means is in the guidelines.';
    press('severity', now.severity);
    press('confidence', now.confidence);
    press('global', now.global_rating);
    const [low, high] = R.rules.allowed(now.verdict);
    for (const button of R.root.querySelectorAll('.rate-form [data-action^="severity:"]')) {
      const value = Number(button.dataset.action.split(':')[1]);
      button.setAttribute('aria-disabled', !now.verdict || value < low || value > high);
    }
    for (const row of R.root.querySelectorAll('.rate-category')) {
      const own = now.categories[row.dataset.code];
      row.firstChild.setAttribute('aria-pressed', own !== undefined);
      row.firstChild.setAttribute('aria-disabled', !meant || !meant.categories);
      row.classList.toggle('rate-chosen', own !== undefined);
      row.classList.toggle('rate-current', R.state.category === row.dataset.code && R.state.mode === 'categories');
      for (const each of row.lastChild.children) each.setAttribute('aria-pressed', Number(each.dataset.value) === own);
    }
    const said = R.rules.categoriesWrong(now);
    Object.assign(R.find('.rate-said'), { textContent: said || '', hidden: !said });
    R.find('[data-action="clear-categories"]').hidden = !said;
    return list(now.regions);
  };

  const set = (values, spoken) => {
    if (!may()) return;
    Object.assign(judgement(), values);
    R.emit('judgement', Object.keys(values)[0]);
    if (spoken) R.say(spoken);
  };
  const degree = (code, value) => {
    R.state.category = code;
    const { label } = R.rules.categoryOf(code);
    set({ categories: { ...judgement().categories, [code]: value } }, `${label}, severity ${value}`);
  };
  const toggle = (code) => {
    const { categories: chosen, severity, verdict } = judgement();
    const { label } = R.rules.categoryOf(code) || {};
    if (!label || !may()) return;
    const term = R.rules.verdictOf(verdict);
    if (!(code in chosen) && term && !term.categories) {
      const would = R.rules.categoriesWrong({ ...judgement(), categories: { [code]: 1 } });
      R.emit('wrong', { field: 'categories', message: would.replace(', or clear them', '') });
    } else if (!(code in chosen)) degree(code, severity || 2);
    else if (R.state.category !== code && R.state.mode === 'categories') { R.state.category = code; R.say(label); refresh(); } else {
      const { [code]: gone, ...rest } = chosen;
      R.state.category = null;
      set({ categories: rest }, `${label} removed`);
    }
  };
  const actions = Object.assign(R.actions, {
    verdict: (index) => {
      const term = R.state.words.taxonomy.verdicts[index];
      if (!term || !may()) return;
      const severity = R.rules.fitting(term.code, judgement().severity, R.state.chosen);
      set({ verdict: term.code, severity }, `${term.label}, severity ${severity}`);
    },
    severity: (value) => {
      if (!may() || !judgement().verdict) { R.emit('wrong', { field: 'verdict', message: 'Choose a verdict first.' }); return; }
      const wrong = R.rules.severityWrong({ ...judgement(), severity: Number(value) });
      if (wrong) { R.emit('wrong', { field: 'severity', message: wrong }); return; }
      R.state.chosen = true; // from now on a new verdict keeps it where it fits
      set({ severity: Number(value) }, `Severity ${value}`);
    },
    confidence: (value) => set({ confidence: Number(value) }, SURE[value - 1]),
    global: (value) => { set({ global_rating: Number(value) }, `${value} of 5`); if (R.state.mode === 'scale') R.keys.mode(''); },
    scale: () => R.keys.mode(R.state.mode === 'scale' ? '' : 'scale'),
    categories: () => R.keys.mode(R.state.mode === 'categories' ? '' : 'categories'),
    'clear-categories': () => set({ categories: {}, regions: judgement().regions.map((each) => ({ ...each, category: null })) }, 'Categories cleared'),
    'of-category': (value) => { if (R.state.category in judgement().categories) degree(R.state.category, Number(value)); },
    category: (code) => (R.state.mode === 'mark' ? actions.markAs(code) : toggle(code)),
    mark: () => {
      if (R.state.mark === null) { R.say('Select a mark first, with , or .'); return; }
      R.keys.mode(R.state.mode === 'mark' ? '' : 'mark');
    },
    markAs: (code) => { // a mark's category is one of the judgement's too
      const index = R.state.mark;
      R.keys.mode('');
      if (!may() || index === null) return;
      R.marks.change(index, { category: code || null });
      const term = R.rules.verdictOf(judgement().verdict);
      if (code && term && term.categories && !(code in judgement().categories)) degree(code, judgement().severity || 2);
      R.say(code ? `Mark ${index + 1}: ${R.rules.categoryOf(code).label}` : `Mark ${index + 1}: no category`);
    },
    comment: () => { const box = R.find('.rate-form textarea'); if (box) { box.focus(); box.scrollIntoView({ block: 'nearest' }); } },
  });
  R.form = { build, refresh, field, choice, comment, set, may };
})();
