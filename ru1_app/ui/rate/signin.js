// Signing in and out: a name and a password, or the account of the Space. The token stays in this browser.
(() => {
  const R = window.ru1rate;
  const TOKEN = 'ru1.rate.token';
  const TAB = 'ru1.rate.tab';
  const account = () => document.querySelector('#rate-account'); // there only on a Space

  // One id for each tab, kept over a reload. A duplicated tab begins with the same one and takes another.
  const tab = () => {
    let own = null;
    try { own = sessionStorage.getItem(TAB); } catch { /* then the id lasts as long as the page */ }
    const set = (id) => { R.state.tab = id; try { sessionStorage.setItem(TAB, id); } catch { /* as above */ } };
    set(own || R.hex());
    if (!window.BroadcastChannel) return Promise.resolve();
    const channel = new BroadcastChannel('ru1.rate.tabs');
    const born = Math.random();
    channel.onmessage = ({ data }) => {
      if (data.id !== R.state.tab || data.born === born) return;
      if (data.taken) set(R.hex());
      else channel.postMessage({ id: R.state.tab, taken: true });
    };
    channel.postMessage({ id: R.state.tab, born });
    return own ? new Promise((resolve) => { setTimeout(resolve, 60); }) : Promise.resolve();
  };

  const signed = (token, person) => {
    Object.assign(R.state, { token, person, signedIn: true, notice: '' });
    R.store.set(TOKEN, token);
    if (account()) account().hidden = true;
    R.emit('person');
    R.desk.next();
  };
  const open = (message = '') => {
    R.drafts.end();
    Object.assign(R.state, { signedIn: false, token: null, item: null, turn: null, feedback: null, lost: null, busy: '' });
    R.store.drop(TOKEN);
    R.sheets.close();
    R.keys.mode('');
    R.find('.rate-signin .rate-error').textContent = message;
    if (account()) account().hidden = false;
    R.emit('person');
    R.find('.rate-signin input').select(); // who comes next may be somebody else
  };
  const resume = async () => {
    await tab();
    const token = R.store.get(TOKEN);
    try {
      if (token) {
        Object.assign(R.state, { token, signedIn: true });
        const done = await R.api.persist('me', [token], () => R.state.token === token);
        if (done) signed(token, done.person);
        return;
      }
      if (account()) {
        const done = await R.api.call('sign_in_hf');
        signed(done.token, done.person);
        return;
      }
      open();
    } catch (error) {
      open(token && error.kind !== 'unavailable' ? error.message : '');
    }
  };
  const submit = async (event) => {
    event.preventDefault();
    const form = event.target;
    const wrong = form.querySelector('.rate-error');
    const button = form.querySelector('button');
    if (!form.name.value.trim() || !form.password.value) { wrong.textContent = 'Give your name and your password.'; return; }
    button.disabled = true;
    wrong.textContent = '';
    try {
      const done = await R.api.call('sign_in', form.name.value.trim(), form.password.value);
      form.password.value = '';
      signed(done.token, done.person);
    } catch (error) {
      wrong.textContent = error instanceof R.api.Lost ? 'No connection to the server. Try again in a moment.' : error.message;
      form.password.select();
    } finally {
      button.disabled = false;
    }
  };
  R.actions['sign-out'] = async () => {
    if (R.state.busy) return;
    await R.drafts.push();
    const { token } = R.state;
    open('You are signed out.');
    R.api.last('sign_out', token);
  };
  R.signin = { open, resume, start: () => { R.find('.rate-signin').onsubmit = submit; } };
})();
