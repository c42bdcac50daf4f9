// The export page: the address holds what is asked for, the service looks, makes and keeps, this shows.
(() => {
  const R = window.ru1;
  const PHONE = '(max-width: 800px)';
  const KEPT = 'ru1.export.job'; // a look or a release in progress, for a page that is loaded again
  let root; let base; let looked = ''; let usual = {};
  const at = (selector) => root.querySelector(selector);
  const form = () => at('.export-form');
  const tell = (text, kind) => {
    const old = root.querySelector(':scope > .ru1-notice');
    if (old) old.remove();
    if (text) root.prepend(R.notice(text, kind));
  };
  const remember = (id, kind) => { try { if (id) sessionStorage.setItem(KEPT, `${kind} ${id} ${asked()}`); else sessionStorage.removeItem(KEPT); } catch { /* then a reload begins anew */ } };
  const remembered = () => { try { return (sessionStorage.getItem(KEPT) || '').split(' '); } catch { return ['']; } };

  // What is asked for, as parameters: the filters of the gallery or a view, then the form without what is usual.
  const query = () => {
    const kept = new URLSearchParams(base);
    for (const [name, value] of new FormData(form())) if (name !== 'view' && value !== '' && usual[name] !== value) kept.append(name, value);
    return kept;
  };
  const keep = () => history.replaceState(null, '', `${location.pathname}${[...query()].length ? `?${query()}` : ''}`);
  const write = (wanted) => {
    const named = new Set([...form().elements].map((field) => field.name).filter(Boolean));
    base = new URLSearchParams([...wanted].filter(([name]) => name === 'view' || (name !== 'license' && !named.has(name))));
    if (wanted.has('format')) for (const box of form().querySelectorAll('[name=format]')) box.checked = wanted.getAll('format').includes(box.value);
    for (const field of form().elements) {
      if (!field.name || field.name === 'format' || field.name === 'view' || !wanted.has(field.name)) continue;
      if (field.type === 'checkbox') field.checked = wanted.getAll(field.name).includes(field.value);
      else field.value = wanted.get(field.name);
    }
  };
  const picked = () => {
    const boxes = [...form().querySelectorAll('[name=format]')];
    const count = boxes.filter((box) => box.checked).length;
    for (const box of boxes) box.closest('.export-format').classList.toggle('export-on', box.checked);
    at('[data-fill=picked]').textContent = count ? `${count} ${count === 1 ? 'format' : 'formats'}` : 'No format is chosen yet';
  };
  const outdated = () => {
    const result = at('.export-result');
    if (result.dataset.of === undefined || result.querySelector('.export-old')) return;
    if (result.dataset.of === asked()) return;
    result.prepend(R.make('p.ru1-notice.export-old', {}, 'Something was changed since. Look again to see what would go in now.'));
  };
  const asked = () => { const kept = query(); kept.delete('format'); return kept.toString(); };

  // Who asks decides what is offered.
  const load = async (again = false) => {
    let page;
    try { page = await R.call('export_page', R.token.get(), location.search); } catch (error) {
      if (error.kind === 'signed_out') { R.token.drop(); return load(again); }
      if (!again && location.search && (error.kind === 'not_found' || error.kind === 'invalid_input')) {
        base = new URLSearchParams(); keep();
        await load(true);
        at('.export-body').prepend(R.notice(`${error.message} Every case is taken instead.`));
        return undefined;
      }
      tell(error.message);
      return undefined;
    }
    tell('');
    for (const name of ['cases', 'licenses']) at(`[data-fill=${name}]`).innerHTML = page[name];
    at('.export-past').innerHTML = page.past;
    at('.export-past').hidden = !page.whole;
    at('.export-body').hidden = Boolean(page.refused);
    at('.export-signin').hidden = page.whole;
    const sure = at('.export-sure');
    sure.disabled = !page.whole;
    sure.closest('.export-part').hidden = !page.whole;
    const who = at('.export-who');
    who.hidden = page.whole;
    who.replaceChildren(page.whole ? '' : R.notice(page.refused || 'You are not signed in as a lead, so you can export what visitors flagged and no rater has judged: anybody may read that. Labels of raters are a lead’s to export. What you make here is kept for two hours; download it.', page.refused ? 'bad' : 'info'));
    picked();
    return page;
  };

  const busy = (on) => { for (const button of form().querySelectorAll('.export-bar button')) button.disabled = on; };
  const run = async (kind, ask) => {
    try {
      busy(true);
      const { job } = await ask();
      remember(job, kind);
      await follow(kind, job);
    } catch (error) { at('[data-main]').replaceChildren(R.notice(error.message)); } finally { busy(false); }
  };
  const follow = async (kind, job) => {
    const place = at('[data-main]'); const of = asked();
    place.scrollIntoView({ block: 'center' });
    try {
      const done = await R.task.follow(place, job);
      if (!done) { place.replaceChildren(R.notice('Stopped. Nothing was written.', 'info')); return; }
      const result = at('.export-result');
      if (kind === 'look') {
        looked = job;
        result.dataset.of = of;
        result.innerHTML = done.html;
      } else {
        delete result.dataset.of;
        result.replaceChildren(R.make('h2', {}, 'The release'));
        result.insertAdjacentHTML('beforeend', done.html);
        const page = await R.call('export_page', R.token.get(), location.search).catch(() => null);
        if (page) at('.export-past').innerHTML = page.past;
        const same = at(`.export-past [data-name="${CSS.escape(done.name)}"]`);
        if (same) same.remove(); // it stands above
        if (page) at('.export-past').hidden = !at('.export-past .export-release');
        const count = at('.export-past .lead-count');
        if (count) count.textContent = root.querySelectorAll('.export-past .export-release').length;
      }
      result.focus({ preventScroll: true });
      result.scrollIntoView({ block: 'start' });
    } finally { if (kind !== 'look') remember(''); }
  };

  // What can be done with one release.
  const work = async (article, ask, then) => {
    const place = article.querySelector('.export-task');
    const buttons = [...article.querySelectorAll('button:not([disabled])')];
    for (const button of buttons) button.disabled = true;
    try {
      const done = await R.task.follow(place, (await ask()).job);
      if (!done) place.replaceChildren(R.notice('Stopped.', 'info'));
      else then(done, place);
    } catch (error) { place.replaceChildren(R.notice(error.message)); }
    for (const button of buttons) button.disabled = false;
  };
  const show = (done, place) => { place.innerHTML = done.html; };
  const fetched = (done, place) => {
    const href = `${R.root()}/${done.url}`;
    const link = R.make('a', { href, download: '' }, 'Download again');
    place.replaceChildren(R.make('p.ru1-notice.ru1-good', { role: 'status' }, 'The download has begun. ', link));
    link.click();
  };
  const clicked = ({ target }) => {
    const what = target.dataset && target.dataset.export;
    if (what === 'make') run('make', () => R.call('export_make', R.token.get(), query().toString(), looked));
    if (what === 'clear') { base = new URLSearchParams(); changed(true); }
    const article = target.closest && target.closest('.export-release');
    if (what === 'pack') work(article, () => R.call('export_pack', R.token.get(), article.dataset.name), fetched);
    if (what === 'verify') work(article, () => R.call('export_verify', R.token.get(), article.dataset.name), show);
  };
  const sent = (event) => {
    event.preventDefault();
    const { target, submitter } = event;
    if (target.matches('.export-form')) run('look', () => R.call('export_look', R.token.get(), query().toString()));
    if (target.matches('.lead-signin')) signIn(target);
    if (target.matches('.export-hub')) {
      const article = target.closest('.export-release');
      const dry = !submitter || submitter.name === 'dry';
      work(article, () => R.call('export_push', R.token.get(), article.dataset.name, target.elements.repo.value, target.elements.private.checked, dry), show);
    }
  };
  const signIn = async (given) => {
    const { name, password } = given.elements; const said = given.querySelector('[role=alert]');
    try {
      R.token.set((await R.call('sign_in', name.value.trim(), password.value)).token);
      password.value = ''; said.textContent = '';
      await load();
      outdated();
    } catch (error) { said.textContent = error.message; password.select(); }
  };
  const changed = async (again) => {
    keep();
    if (again) await load(); else picked();
    outdated();
  };

  const start = async (element) => {
    root = element.querySelector('.export') || element;
    for (const field of form().elements) if (field.type === 'number') usual[field.name] = field.defaultValue;
    if (matchMedia(PHONE).matches) for (const about of form().querySelectorAll('.export-format details')) about.open = false;
    write(new URLSearchParams(location.search));
    root.addEventListener('click', clicked);
    root.addEventListener('submit', sent);
    root.addEventListener('change', (event) => {
      if (event.target.form !== form()) return;
      if (event.target.name === 'view') base = new URLSearchParams(event.target.value ? { view: event.target.value } : {});
      changed(event.target.name === 'view');
    });
    const page = await load();
    const [kind, job, of] = remembered();
    if (!page || page.refused || !job || (kind === 'look' && of !== asked())) return;
    busy(true);
    try { await follow(kind, job); } catch { at('[data-main]').replaceChildren(); remember(''); }
    busy(false);
  };
  R.exports = { start };
})();
