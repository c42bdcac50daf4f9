// The cases gallery: the address holds the filters, the service finds, this shows. One case where the address names one.
(() => {
  const R = window.ru1;
  const PHONE = '(max-width: 800px)';
  let root; let turn = 0; let following = ''; let view = null; let timer = 0;
  const at = (selector) => root.querySelector(selector);
  const params = () => new URLSearchParams(location.search);
  const goTo = (query) => history.replaceState(null, '', location.pathname + (query && `?${query}`));

  // The form as parameters of the address, and back.
  const read = () => {
    const kept = new URLSearchParams();
    for (const [name, value] of new FormData(at('form'))) {
      if (value !== '' && !(name === 'order' && value === 'newest')) kept.append(name, value);
    }
    if (!kept.has('score')) { kept.delete('score_low'); kept.delete('score_high'); }
    return kept;
  };
  const write = (wanted) => {
    at('form').reset();
    for (const [name, value] of wanted) {
      const fields = [...at('form').elements].filter((field) => field.name === name);
      const box = fields.find((field) => field.type === 'checkbox' && field.value === value);
      if (box) box.checked = true;
      else if (fields.length && fields[0].type !== 'checkbox') {
        if (fields[0].tagName === 'SELECT' && ![...fields[0].options].some((each) => each.value === value)) offer(fields[0], value);
        fields[0].value = value;
      } else {
        const place = at(`[data-fill="${CSS.escape(name)}"]`);
        if (place) place.append(pick(name, value, true));
      }
    }
    mark();
  };
  const words = (score) => score.replace('.gain', ': gain').replace('.', ': ').replaceAll('_', ' ').replace(/^[^:]+/, (scorer) => scorer.toUpperCase());
  const offer = (select, value) => select.append(R.make('option', { value }, words(value)));
  const pick = (name, value, checked) => R.make('label.ru1-pick', {},
    R.make('input', { type: 'checkbox', name, value, checked }), R.make('span', {}, value.replaceAll('_', ' ')),
    R.make('data', { 'data-of': `${name}:${value}` }));

  // How many filters are set in each group and in all.
  const mark = () => {
    let all = 0;
    for (const group of root.querySelectorAll('.ru1-group')) {
      const set = [...group.querySelectorAll('input, select')].filter((field) => (field.type === 'checkbox' ? field.checked : field.value));
      group.querySelector('.ru1-active').textContent = set.length || '';
      if (set.length) group.open = true;
      all += set.length;
    }
    all += at('[name=text]').value ? 1 : 0;
    at('.ru1-side > summary .ru1-active').textContent = all || '';
    return all;
  };
  const count = ({ counts, scores }) => {
    for (const name of ['corruption', 'model']) {
      const place = at(`[data-fill="${name}"]`);
      const checked = [...place.querySelectorAll(':checked')].map((box) => box.value);
      const values = [...new Set([...Object.keys(counts[name]), ...checked])].sort((a, b) => (counts[name][b] || 0) - (counts[name][a] || 0) || a.localeCompare(b));
      place.replaceChildren(...values.map((value) => pick(name, value, checked.includes(value))));
    }
    for (const place of root.querySelectorAll('[data-of]')) {
      const [name, ...rest] = place.dataset.of.split(':');
      if (counts[name]) place.textContent = counts[name][rest.join(':')] || 0;
    }
    const select = at('[name=score]');
    const gains = scores.filter((each) => each.endsWith('.recovered_reference')).map((each) => each.replace('recovered_reference', 'gain'));
    for (const score of [...gains, ...scores]) {
      if (![...select.options].some((each) => each.value === score)) offer(select, score);
    }
  };

  const busy = (on) => root.classList.toggle('ru1-busy-now', on);
  const tell = (...nodes) => at('.ru1-told').replaceChildren(...nodes);
  const find = async (after = '') => {
    const query = read(); const order = query.get('order') || 'newest'; query.delete('order');
    const mine = (turn += 1);
    at('.ru1-export').href = `export?${view ? new URLSearchParams({ view }) : query}`.replace(/\?$/, '');
    busy(true);
    try {
      const found = await R.call('cases', R.token.get(), query.toString(), order, after);
      if (mine !== turn) return;
      following = found.next;
      const list = at('.ru1-cards');
      if (!after) list.innerHTML = found.html;
      else list.insertAdjacentHTML('beforeend', found.html);
      if (!after) told(found.total);
      at('.ru1-more').hidden = !following;
      if (after) return;
      const counts = await R.call('case_counts', R.token.get(), query.toString());
      if (mine === turn) count(counts);
    } catch (error) {
      if (mine === turn) tell(R.notice(error.message));
    } finally {
      if (mine === turn) busy(false);
    }
  };
  const told = (total) => {
    const set = mark();
    const number = total.toLocaleString('en');
    if (total) tell(R.make('b', {}, number), total === 1 ? ' case' : ' cases', set ? ' with these filters' : '');
    else if (set) tell(R.make('b', {}, 'No case'), ' has all of this. Take a filter away, or clear all of them.');
    else tell('No case is stored yet. Recover an image and flag it under the result.');
  };
  const changed = (event) => {
    if (event && event.target.form !== at('form')) return;
    view = null;
    const query = read().toString();
    goTo(query);
    clearTimeout(timer);
    timer = setTimeout(() => { find(); views(); }, event && event.type === 'input' ? 300 : 0);
  };

  // Saved views: chips; one's own can be renamed and deleted.
  const views = async () => {
    const place = at('.ru1-views');
    let known;
    try { known = await R.call('views', R.token.get()); } catch { return; }
    const chips = known.views.map((each) => {
      const on = view === each.slug;
      const link = R.make('a.ru1-view', { href: `cases?view=${encodeURIComponent(each.slug)}`, 'aria-current': on && 'true' }, each.name);
      const own = on && each.mine && [
        R.make('button.ru1-button', { type: 'button', onclick: () => name(each) }, 'Rename'),
        R.make('button.ru1-button', { type: 'button', onclick: () => remove(each) }, 'Delete'),
      ];
      return R.make('span.ru1-view-chip', {}, link, ...(own || []));
    });
    const keep = known.may_save
      ? R.make('button.ru1-button', { type: 'button', onclick: () => name(null) }, 'Save this view')
      : R.make('a.ru1-quiet', { href: 'rate' }, 'Sign in to save a view');
    place.replaceChildren(R.make('span.ru1-quiet', {}, 'Views'), ...chips, keep);
  };
  const name = (old) => {
    const place = at('.ru1-views');
    const field = R.make('input', { type: 'text', maxlength: '60', 'aria-label': 'Name of the view', placeholder: 'Name of the view', value: old ? old.name : null });
    const form = R.make('form.ru1-name', { onsubmit: async (event) => {
      event.preventDefault();
      try {
        const query = read(); query.delete('order');
        const kept = old ? await R.call('rename_view', R.token.get(), old.slug, field.value) : await R.call('save_view', R.token.get(), field.value, query.toString());
        view = kept.slug;
        goTo(`view=${encodeURIComponent(kept.slug)}`);
        views();
      } catch (error) { form.querySelector('.ru1-bad-word').textContent = error.message; }
    } }, field, R.make('button.ru1-button.ru1-strong', { type: 'submit' }, 'Save'),
    R.make('button.ru1-button', { type: 'button', onclick: views }, 'Cancel'), R.make('span.ru1-bad-word', { role: 'alert' }));
    place.replaceChildren(form);
    field.focus();
  };
  const remove = async (each) => {
    try { await R.call('delete_view', R.token.get(), each.slug); view = null; changed(); } catch (error) { tell(R.notice(error.message)); }
  };

  // One case.
  const show = async (id) => {
    const place = at('.ru1-one');
    try {
      place.innerHTML = (await R.call('case', R.token.get(), id)).html;
      for (const form of place.querySelectorAll('form')) form.onsubmit = sent;
      if (location.hash === '#settle' && at('#settle')) at('#settle').scrollIntoView();
    } catch (error) {
      place.replaceChildren(R.make('p', {}, R.make('a', { href: 'cases' }, 'All cases')), R.notice(error.message));
    }
    place.hidden = false;
  };
  const sent = async (event) => {
    event.preventDefault();
    const form = event.target; const given = new FormData(form); const said = form.querySelector('[role=alert]');
    const number = (field) => (given.get(field) ? Number(given.get(field)) : null);
    const judgement = () => ({
      verdict: given.get('verdict'), severity: number('severity'), confidence: number('confidence'),
      global_rating: number('global_rating'), comment: given.get('comment'), regions: [],
      categories: Object.fromEntries(given.getAll('category').map((code) => [code, Number(given.get('severity'))])),
      request_id: (form.dataset.request = form.dataset.request || Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')),
    });
    try {
      if (form.dataset.settle) await R.call('adjudicate', R.token.get(), form.dataset.settle, judgement());
      else await R.call('change_overlap', R.token.get(), form.dataset.overlap, number('raters'));
      await show(form.dataset.case);
      at('.ru1-one').prepend(R.notice(form.dataset.settle ? 'Adjudicated. The judgement stands beside those of the raters.' : 'The overlap is changed.', 'good'));
      scrollTo(0, 0);
    } catch (error) { said.textContent = error.message; }
  };

  const start = async (element) => {
    root = element.querySelector('.ru1-cases') || element;
    const asked = params();
    const done = () => { const loading = root.querySelector(':scope > .ru1-notice'); if (loading) loading.remove(); };
    if (asked.get('case')) { await show(asked.get('case')); done(); return; }
    if (matchMedia(PHONE).matches) at('.ru1-side').open = false;
    for (const kind of ['input', 'change']) at('form').addEventListener(kind, (event) => { if ((kind === 'input') === /text|search|number/.test(event.target.type)) changed(event); });
    at('form').addEventListener('reset', () => setTimeout(changed));
    at('form').addEventListener('submit', (event) => event.preventDefault());
    at('.ru1-more').onclick = () => find(following);
    let wanted = asked;
    if (asked.get('view')) {
      try {
        const kept = await R.call('view', R.token.get(), asked.get('view'));
        view = kept.slug; wanted = new URLSearchParams(kept.query);
      } catch (error) { root.append(R.notice(error.message)); }
    }
    write(wanted);
    at('.ru1-gallery').hidden = false;
    await Promise.all([find(), views()]);
    done();
  };
  R.gallery = { start };
})();
