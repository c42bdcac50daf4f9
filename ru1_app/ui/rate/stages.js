// What the side column shows for each stage: its title and task, the answer form, the pair form, the feedback.
(() => {
  const R = window.ru1rate;
  const SUPPORTED = [['yes', 'Yes'], ['no', 'No'], ['undecidable', 'Cannot be decided']];
  const CHOICES = [['left', 'Left'], ['right', 'Right'], ['tie', 'A tie'], ['both_bad', 'Both are bad']];
  const SEEN = { corrupted: 'From the corrupted image', recovered: 'From the recovered image', both: 'From both images' };
  const TASK = {
    blind: ['Is the recovery true to its input?', 'Only what the corrupted image supports counts.'],
    answer: ['What did the recovery do to the answer?', 'The model was asked this question.'],
    reveal: ['Now compare with the reference', 'Your judgement is filled in; change what the reference shows to be different.'],
    pair: ['Which one is more faithful?', 'Two recoveries of the same image; beauty does not count.'],
  };

  const answers = (view) => {
    const options = (view.options || []).map((text, index) => R.el('li', {}, R.el('b', {}, 'ABCDEFGHIJ'[index]), ` ${text}`));
    return R.el('section.rate-field.rate-asked', { 'data-field': 'question' },
      R.el('p.rate-question', {}, view.question),
      options.length ? R.el('ul.rate-options', {}, options) : null,
      R.el('dl.rate-answers', {}, (view.answers || []).map((each) => [
        R.el('dt', {}, SEEN[each.condition] || each.condition),
        R.el('dd', {}, each.text || (each.choice ? each.choice : 'no answer')),
      ])));
  };
  const answerForm = (item) => {
    const impacts = R.state.words.taxonomy.answer_impacts;
    const derived = item.view && item.view.derived_impact;
    return [answers(item.view || {}),
      R.form.field('impact', 'Effect on the answer', null,
        R.el('div.rate-grid', {}, impacts.map((each, index) => R.form.choice(`impact:${index}`, each.label, each.definition))),
        R.el('p.rate-meaning', {}),
        derived ? R.el('p.rate-small', {}, `Derived from the answers: ${(impacts.find((each) => each.code === derived) || {}).label}.`) : null),
      R.form.field('supported', 'Does the corrupted image support the answer?', null, R.el('div.rate-row', {},
        SUPPORTED.map(([code, label]) => R.form.choice(`supported:${code}`, label)))),
      R.form.comment()];
  };
  const pairForm = () => [
    R.form.field('choice', 'More faithful', null, ...CHOICES.map(([code, label]) => R.form.choice(`choice:${code}`, label))),
    R.form.comment()];

  const feedback = (said) => [
    R.el(`section.rate-feedback.${said.passed ? 'rate-good' : 'rate-bad'}`, { role: 'status', tabindex: '-1' },
      R.el('h3', {}, said.passed ? '✓ As expected' : '✗ Not as expected'),
      R.el('p', {}, said.text),
      said.regions && said.regions.length ? R.el('p.rate-key', {}, R.el('i.rate-swatch', {}), 'Dashed: where the fault is. Your own marks are red.') : null),
    R.el('section.rate-field', {}, R.el('h3', {}, 'What you said'), R.el('ul', {}, own().map((line) => R.el('li', {}, line))))];
  const own = () => {
    const { verdict, severity, categories } = R.state.judgement || {};
    const term = R.rules.verdictOf(verdict);
    if (!term) return [];
    const named = Object.entries(categories || {}).map(([code, value]) => `${R.rules.categoryOf(code).label}, severity ${value}`);
    return [`${term.label}, severity ${severity}`, ...named];
  };

  // Fills the column for the item and stage of the moment.
  const build = () => {
    const { item, feedback: said } = R.state;
    const place = R.find('.rate-form');
    if (!item) { place.replaceChildren(); return; }
    const stage = item.kind === 'pair' ? 'pair' : item.stage;
    const [title, task] = TASK[stage] || ['', ''];
    const training = item.purpose === 'training';
    R.find('.rate-stage').replaceChildren(
      R.el('b', {}, { blind: 'Blind', answer: 'Answer', reveal: 'Reveal', pair: 'Pair' }[stage] || stage),
      ...(training ? [R.el('i', {}, 'training')] : []), ...(item.previous ? [R.el('i', {}, 'correction')] : []));
    const head = R.el('header.rate-task', {}, R.el('h2', {}, said ? 'What the key says' : title), said ? null : R.el('p.rate-small', {}, task));
    const form = said ? feedback(said) : stage === 'pair' ? pairForm() : stage === 'answer' ? answerForm(item) : R.form.build(stage);
    place.replaceChildren(head, ...form.filter(Boolean));
    place.scrollTop = 0;
    R.form.refresh();
  };
  const refresh = (press) => {
    const now = R.state.judgement;
    press('choice', now.choice);
    press('supported', now.supported_by_input);
    const { answer_impacts: impacts } = R.state.words.taxonomy;
    const index = impacts.findIndex((each) => each.code === now.answer_impact);
    press('impact', index);
    const meaning = R.find('.rate-meaning');
    if (meaning) meaning.textContent = index < 0 ? '' : impacts[index].definition;
  };

  // The layers of the viewer for an item; a reference appears only in the stages that may show it.
  const layers = (item) => {
    const of = (key, label, address) => (address ? [{ key, label, url: R.api.url(address) }] : []);
    const { images, view } = item;
    if (item.kind === 'pair') {
      const list = [...of('reference', 'Reference', images.reference), ...of('corrupted', 'Corrupted', images.corrupted),
        ...of('left', 'Left', images.left), ...of('right', 'Right', images.right)];
      return { list, main: 'right', against: 'left' };
    }
    const reference = item.stage === 'reveal' ? (view && view.reference) : null;
    const list = [...of('corrupted', 'Corrupted', images.corrupted), ...of('reference', 'Reference', reference),
      ...of('recovered', 'Recovered', images.recovered)];
    return { list, main: 'recovered', against: reference ? 'reference' : 'corrupted' };
  };

  Object.assign(R.actions, {
    impact: (index) => {
      const term = R.state.words.taxonomy.answer_impacts[index];
      if (term) R.form.set({ answer_impact: term.code }, term.label);
    },
    supported: (code) => R.form.set({ supported_by_input: code }, SUPPORTED.find((each) => each[0] === code)[1]),
    choice: (code) => R.form.set({ choice: code }, CHOICES.find((each) => each[0] === code)[1]),
  });
  R.stages = { build, refresh, layers };
})();
