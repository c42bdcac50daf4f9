// The taxonomy's rules over a judgement: what a stage starts with, and what is still wrong with it, in the
// service's own words. Pure: no page, no network.
(() => {
  const R = window.ru1rate;
  const words = () => R.state.words;
  const verdictOf = (code) => words().taxonomy.verdicts.find((each) => each.code === code);
  const categoryOf = (code) => words().taxonomy.categories.find((each) => each.code === code);
  const FIELDS = ['verdict', 'severity', 'categories', 'regions', 'confidence', 'comment'];
  const copy = (value) => JSON.parse(JSON.stringify(value));

  // An empty judgement of a stage; what the person said before (undo, or blind before reveal) is filled in.
  const fresh = (item) => {
    const said = item.previous || (item.stage === 'reveal' && item.view && item.view.blind) || {};
    if (item.kind === 'pair') return { choice: said.choice || null, comment: said.comment || '' };
    if (item.stage === 'answer') {
      return {
        answer_impact: said.answer_impact || (item.view && item.view.derived_impact) || null,
        supported_by_input: said.supported_by_input || null, comment: said.comment || '',
      };
    }
    const base = { verdict: null, severity: null, categories: {}, regions: [], confidence: null, comment: '' };
    for (const name of FIELDS) if (said[name] !== undefined && said[name] !== null) base[name] = copy(said[name]);
    if (item.stage === 'reveal') base.global_rating = said.global_rating || null;
    return base;
  };

  const allowed = (verdict) => {
    const term = verdictOf(verdict);
    return term ? [term.severity.min, term.severity.max] : [0, 3];
  };
  // The severity that goes with a new verdict: the old one where the person chose it and it still fits.
  const fitting = (verdict, severity, chosen) => {
    const [low, high] = allowed(verdict);
    const keeps = chosen && severity !== null && severity >= low && severity <= high;
    return keeps ? severity : verdictOf(verdict).severity.default;
  };

  const severityWrong = (judgement) => {
    const term = verdictOf(judgement.verdict);
    if (!term) return null;
    const [low, high] = allowed(judgement.verdict);
    if (judgement.severity >= low && judgement.severity <= high) return null;
    const range = low === high ? String(low) : `from ${low} to ${high}`;
    return `'${term.label}' goes with severity ${range}, not ${judgement.severity}.`;
  };
  const categoriesWrong = (judgement) => {
    const term = verdictOf(judgement.verdict);
    if (!term || term.categories) return null;
    const takers = words().taxonomy.verdicts.filter((each) => each.categories).map((each) => `'${each.label}'`);
    if (Object.keys(judgement.categories).length) {
      return `'${term.label}' takes no categories; choose ${takers.join(' or ')}, or clear them.`;
    }
    const region = judgement.regions.find((each) => each.category);
    if (!region) return null;
    const label = (categoryOf(region.category) || { label: region.category }).label;
    return `A box says '${label}', which does not go with this verdict. Clear the box's category.`;
  };
  const commentWrong = (comment) => {
    const length = Array.from(comment.trim()).length;
    const most = words().max_comment;
    return length > most ? `The comment has ${length} characters; up to ${most} are allowed.` : null;
  };

  // The first thing that is wrong, as {field, message}; null where the judgement can be sent.
  const check = (item, judgement) => {
    const wrong = (field, message) => (message ? { field, message } : null);
    if (item.kind === 'pair') {
      return wrong('choice', !judgement.choice && 'Choose left, right, a tie, or both bad first.')
        || wrong('comment', commentWrong(judgement.comment));
    }
    if (item.stage === 'answer') {
      return wrong('impact', !judgement.answer_impact && 'Say first what the recovery did to the answer.')
        || wrong('supported', !judgement.supported_by_input && 'Say whether the corrupted image supports the answer.')
        || wrong('comment', commentWrong(judgement.comment));
    }
    const most = words().max_regions;
    return wrong('verdict', !judgement.verdict && 'Choose a verdict first.')
      || wrong('severity', severityWrong(judgement))
      || wrong('categories', categoriesWrong(judgement))
      || wrong('marks', judgement.regions.length > most
        && `There are ${judgement.regions.length} boxes; up to ${most} are allowed.`)
      || wrong('scale', item.stage === 'reveal' && !judgement.global_rating
        && 'Say on the 1-5 scale how much is hallucinated.')
      || wrong('confidence', !judgement.confidence && 'Say how sure you are, from 1 to 3.')
      || wrong('comment', commentWrong(judgement.comment));
  };

  R.rules = { fresh, check, severityWrong, allowed, fitting, verdictOf, categoryOf, categoriesWrong, copy };
})();
