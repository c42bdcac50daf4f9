// Nothing typed is lost: every change is kept in this browser at once and on the server within two seconds, and the
// newer of the two comes back when the item does.
(() => {
  const R = window.ru1rate;
  const WAIT = 1200; // milliseconds from a change to its saving
  const WAITS = [1, 2, 4, 8]; // seconds between tries when the line is down
  const KEPT = 30; // drafts kept in this browser
  const PREFIX = 'ru1.rate.draft.';
  let open = null; // {item, stage, key, dirty, running, timer}

  const keyOf = (item, stage) => `${PREFIX}${R.state.person.id}.${item}.${stage}`; // one browser, several people
  const read = (key) => {
    try { return JSON.parse(R.store.get(key)); } catch { return null; }
  };
  const tell = (kind, text) => R.emit('saved', { kind, text });
  const clock = (when) => when.toLocaleTimeString('en-GB');
  const body = () => ({ ...R.state.judgement, duration_ms: R.clock.ms(), at: Date.now() });
  const keep = (content) => R.store.set(open.key, JSON.stringify(content));

  // Takes up an item: its judgement as drafted, or as it begins. Says when a draft came back.
  const begin = (item, remote) => {
    end();
    const stage = item.stage || 'pair';
    open = { item: item.id, stage, key: keyOf(item.id, stage), dirty: false, running: false };
    const local = read(open.key);
    const far = remote && remote.stage === stage ? remote.body : null;
    const newest = [local, far].filter((each) => each && typeof each === 'object').sort((a, b) => (b.at || 0) - (a.at || 0))[0];
    const start = R.rules.fresh(item);
    R.state.judgement = start;
    R.clock.start((newest && newest.duration_ms) || 0);
    R.state.requestId = (newest && newest.request_id) || null;
    if (!newest) return;
    for (const name of Object.keys(start)) if (newest[name] !== undefined) start[name] = newest[name];
    R.state.chosen = start.severity !== undefined && start.severity !== null;
    tell('saved', `Your draft of ${clock(new Date(newest.at || Date.now()))} is back`);
    if (newest === local && local.at !== (far && far.at)) changed(false);
  };

  const changed = (edited = true) => {
    if (!open) return;
    if (edited) R.state.requestId = null; // another judgement is another request
    const stored = keep(body());
    open.dirty = true;
    tell('busy', stored ? 'Saving…' : 'Saving… (this browser keeps no copy)');
    if (!open.timer && !open.running) open.timer = setTimeout(push, WAIT);
  };
  const push = async () => {
    const mine = open;
    if (!mine) return;
    clearTimeout(mine.timer);
    mine.timer = null;
    if (mine.running || R.state.busy) return;
    mine.running = true;
    for (let turn = 0; open === mine && mine.dirty; turn += 1) {
      mine.dirty = false;
      try {
        const done = await R.api.call('save_draft', R.state.token, R.state.tab, mine.item, mine.stage, body());
        turn = -1;
        const at = done && done.saved_at ? new Date(done.saved_at) : new Date();
        if (open === mine && !mine.dirty) tell('saved', `Saved ${clock(Number.isNaN(at.getTime()) ? new Date() : at)}`);
      } catch (error) {
        mine.dirty = open === mine;
        if (!mine.dirty) break;
        const passing = error instanceof R.api.Lost ? 'no connection' : ['unavailable', 'failed'].includes(error.kind) && 'the server is busy';
        if (!passing) {
          tell('bad', `Not saved on the server: ${error.message}`);
          if (['lease_lost', 'conflict', 'signed_out', 'not_found'].includes(error.kind)) R.emit('refused', error);
          break;
        }
        tell('bad', `Not saved: ${passing}, kept in this browser`);
        await new Promise((resolve) => { setTimeout(resolve, 1000 * WAITS[Math.min(turn, 3)]); });
      }
    }
    mine.running = false;
  };

  // Before a submit: the request's id is kept with the draft, so that a reload in between sends the same one again.
  const seal = () => {
    R.state.requestId = R.state.requestId || R.hex();
    if (open) keep({ ...body(), request_id: R.state.requestId });
    return R.state.requestId;
  };
  const end = () => { if (open) clearTimeout(open.timer); open = null; };
  // The item is through: its draft goes; `stored` says that the judgement is on the server.
  const drop = (stored = false) => {
    if (open) R.store.drop(open.key);
    end();
    tell('saved', stored ? `Stored ${clock(new Date())}` : '');
  };
  // When the page is hidden or left, what waits goes out at once.
  const flush = () => {
    if (!open || !open.dirty || R.state.busy) return;
    R.api.last('save_draft', R.state.token, R.state.tab, open.item, open.stage, body());
  };
  const tidy = () => {
    try {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
      const old = keys.map((key) => [key, (read(key) || {}).at || 0]).sort((a, b) => b[1] - a[1]).slice(KEPT);
      for (const [key] of old) R.store.drop(key);
    } catch { /* this browser keeps nothing */ }
  };
  R.drafts = { begin, changed, push, seal, drop, end, flush, tidy };
})();
