// Talks to the service: one call, a call that is repeated until it gets through, and whether the line is up.
(() => {
  const R = window.ru1rate;
  const WAITS = [1, 2, 4, 8, 15]; // seconds between tries
  const LIMIT = 30000; // milliseconds for one call
  const sleep = (ms) => new Promise((resolve) => {
    const done = () => { clearTimeout(timer); removeEventListener('online', done); resolve(); };
    const timer = setTimeout(done, ms);
    addEventListener('online', done); // the network is back: do not sit the wait out
  });

  // A refusal is the service's answer, with a sentence for the person; `Lost` is no answer at all.
  class Refusal extends Error {
    constructor(kind, message) { super(message); this.kind = kind; }
  }
  class Lost extends Error {}

  // The path under which the app is mounted, on this origin: never another one.
  const root = () => {
    const given = (window.gradio_config && window.gradio_config.root) || location.href.replace(/\/rate\/?([?#].*)?$/, '');
    return new URL(given, location.href).pathname.replace(/\/$/, '');
  };
  const url = (address) => {
    if (!address || /^(https?:|data:|blob:)/.test(address)) return address;
    const path = address.startsWith('/') ? address : `/${address}`;
    return path.startsWith(`${root()}/`) ? path : root() + path;
  };

  let up = true;
  const line = (state) => {
    if (up === state || !R.root) return; // on the other pages nobody asks
    up = state;
    R.emit('line', up);
    if (!up) watch();
  };
  // While the line is down somebody has to notice that it is back, even when nothing waits to be sent.
  const watch = async () => {
    for (let turn = 0; !up; turn += 1) {
      await sleep(1000 * WAITS[Math.min(turn, 3)]);
      if (!up) await once('me', [R.state.token || '']).catch(() => null);
    }
  };

  const once = async (name, args, options = {}) => {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), LIMIT);
    let reply;
    try {
      reply = await fetch(`${root()}/gradio_api/run/${name}`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ data: args }),
        signal: stop.signal, ...options,
      });
      if ([429, 502, 503, 504].includes(reply.status)) throw new Lost(reply.statusText);
      const text = await reply.json();
      line(true);
      if (!reply.ok || !text.data) {
        throw new Refusal('failed', 'Something unexpected went wrong on the server. What you filled in is kept; try again.');
      }
      const result = text.data[0];
      if (result && result.error) throw new Refusal(result.error.kind, result.error.message);
      return result;
    } catch (error) {
      if (error instanceof Refusal) throw error;
      line(false);
      throw error instanceof Lost ? error : new Lost(String(error));
    } finally {
      clearTimeout(timer);
    }
  };

  // Repeats a call until the service answers; `wanted` ends it early (undefined is then returned).
  const persist = async (name, args, wanted = () => true) => {
    for (let turn = 0; wanted(); turn += 1) {
      try {
        return await once(name, args);
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        await sleep(1000 * WAITS[Math.min(turn, WAITS.length - 1)]);
      }
    }
    return undefined;
  };

  addEventListener('offline', () => line(false));
  const call = (name, ...args) => once(name, args);
  // For a page that is being left: the browser sends it, nobody reads the reply.
  const last = (name, ...args) => { once(name, args, { keepalive: true }).catch(() => null); };
  R.api = { call, last, persist, url, root, Refusal, Lost, isUp: () => up };
})();
