// The lead's page: signs in where nobody is, asks for the report, shows it. The service says who may see it.
(() => {
  const R = window.ru1;
  let root;
  const at = (selector) => root.querySelector(selector);
  const tell = (text, kind) => {
    const old = root.querySelector(':scope > .ru1-notice');
    if (old) old.remove();
    if (text) root.prepend(R.notice(text, kind));
  };
  const signin = (on) => { at('.lead-signin').hidden = !on; };

  const load = async () => {
    if (!R.token.get()) { tell('Sign in as a lead to see this page.', 'info'); signin(true); return; }
    try {
      const { html } = await R.call('lead_report', R.token.get());
      at('.lead-body').innerHTML = html;
      at('.lead-body').hidden = false;
      at('.lead-body .lead-overlap').onsubmit = overlap;
      tell(''); signin(false);
    } catch (error) {
      at('.lead-body').replaceChildren();
      at('.lead-body').hidden = true;
      tell(error.message, 'bad');
      if (error.kind === 'signed_out') R.token.drop();
      signin(error.kind === 'signed_out' || error.kind === 'forbidden');
    }
  };
  const overlap = async (event) => {
    event.preventDefault();
    const form = event.target; const said = form.querySelector('[role=status]');
    try {
      const done = await R.call('change_overlap', R.token.get(), form.elements.id.value.trim(), Number(form.elements.raters.value));
      said.textContent = `The item ${done.item.slice(0, 10)} now wants ${done.overlap} raters; it is ${done.state}.`;
    } catch (error) { said.textContent = error.message; }
  };
  const start = (element) => {
    root = element.querySelector('.lead') || element;
    at('.lead-signin').onsubmit = async (event) => {
      event.preventDefault();
      const { name, password } = event.target.elements;
      try {
        R.token.set((await R.call('sign_in', name.value.trim(), password.value)).token);
        password.value = '';
        await load();
      } catch (error) { tell(error.message, 'bad'); password.select(); }
    };
    root.addEventListener('click', async ({ target }) => {
      const what = target.dataset && target.dataset.lead;
      if (!what) return;
      target.disabled = true;
      try {
        const done = what === 'recompute' ? await R.call('recompute_consensus', R.token.get()) : null;
        await load();
        if (done) tell(`The consensus of ${done.items} items was made again.`, 'good');
      } catch (error) { tell(error.message, 'bad'); target.disabled = false; }
    });
    load();
  };
  R.lead = { start };
})();
