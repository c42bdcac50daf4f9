// The queue: takes the next item, sends a judgement exactly once, skips, undoes, keeps the lease, looks two ahead.
(() => {
  const R = window.ru1rate;
  const BEAT = 60000; // milliseconds between heartbeats
  const UNDO = 10;
  const ahead = new Map(); // address -> image that is loaded already
  const state = () => R.state;
  const ask = (name, ...args) => R.api.persist(name, [state().token, state().tab, ...args], () => state().signedIn);

  // Time on the item, counted only while the page is visible.
  let spent = 0;
  let since = null;
  const tick = () => {
    const now = performance.now();
    if (since !== null) spent += now - since;
    since = document.visibilityState === 'visible' ? now : null;
  };
  R.clock = {
    start: (base) => { tick(); spent = base; },
    ms: () => { tick(); return Math.round(spent); },
  };

  const preload = (upcoming) => {
    const wanted = new Set();
    for (const each of upcoming || []) for (const address of Object.values(each.images || {})) if (address) wanted.add(R.api.url(address));
    for (const address of ahead.keys()) if (!wanted.has(address)) ahead.delete(address);
    for (const address of wanted) {
      if (ahead.has(address)) continue;
      const image = new Image();
      image.src = address;
      image.decode().catch(() => ahead.delete(address));
      ahead.set(address, image);
    }
  };

  // Shows the item of the state in its stage, with its draft.
  const open = (draft) => {
    const { item } = state();
    Object.assign(state(), {
      mark: null, category: null, chosen: Boolean(item.previous), feedback: null, lost: null, serial: state().serial + 1,
    });
    if (item.kind === 'pair') item.stage = 'pair';
    R.keys.mode('');
    R.drafts.begin(item, draft);
    R.emit('item');
    const { list, main, against } = R.stages.layers(item);
    R.viewer.show(list, main, against, item.size, item.stage !== 'blind' && item.stage !== 'pair');
  };
  const take = (turn) => {
    if (!turn) return;
    Object.assign(state(), { turn, item: turn.item || null, undo: turn.undo || 0, lost: null, feedback: null });
    preload(turn.upcoming);
    if (state().item) open(turn.draft);
    else { R.drafts.end(); R.keys.mode(''); R.emit('item'); }
  };
  const hint = () => ((state().turn && state().turn.upcoming && state().turn.upcoming[0]) || { id: '' }).id;

  const refused = (error) => {
    if (!(error instanceof R.api.Refusal)) throw error;
    if (error.kind === 'signed_out') { R.signin.open(error.message); return; }
    if (['lease_lost', 'conflict', 'not_found'].includes(error.kind) && state().item) {
      state().lost = error.message;
      R.keys.mode('');
      R.emit('item-lost');
    } else if (!state().item) { state().notice = error.message; R.emit('item'); } else R.emit('wrong', { field: '', message: error.message });
  };
  // One thing at a time: while it runs the form is still, and what is typed in it is kept.
  const during = async (text, work) => {
    if (state().busy) return;
    Object.assign(state(), { busy: text, notice: '' });
    R.emit('busy');
    try {
      const next = await work();
      state().busy = '';
      if (next) next();
    } catch (error) {
      state().busy = '';
      refused(error);
    } finally {
      state().busy = '';
      R.emit('busy');
    }
  };

  const next = () => during('Taking the next item…', async () => {
    await state().ready; // the words
    const turn = await ask('next_item', hint());
    return () => take(turn);
  });
  const submit = () => {
    const { item, judgement } = state();
    if (!item || state().busy) return;
    const wrong = R.rules.check(item, judgement)
      || (!R.viewer.view.loaded && { field: '', message: 'The images have not loaded yet. Wait until you see them.' });
    if (wrong) { R.emit('wrong', wrong); return; }
    R.emit('wrong', null);
    during('Sending…', async () => {
      const duration = R.clock.ms();
      const id = R.drafts.seal();
      const { choice, comment } = judgement;
      const done = item.kind === 'pair' ? await ask('pair', item.id, choice, comment.trim(), duration, id)
        : await ask('submit_rating', item.id, item.stage,
          { ...R.rules.copy(judgement), comment: comment.trim(), duration_ms: duration, request_id: id });
      return () => { if (done) after(done); };
    });
  };
  const after = (done) => {
    R.drafts.drop(true);
    if (!done.feedback) state().undo = Math.min(UNDO, (state().undo || 0) + 1); // who has read the key is not asked again
    R.say('Stored');
    if (done.feedback) {
      Object.assign(state(), { feedback: done.feedback, held: done, mark: null });
      R.keys.mode('');
      R.emit('item');
      R.marks.draw();
    } else onward(done);
  };
  const onward = (done) => {
    if (done.stage) {
      Object.assign(state().item, { stage: done.stage, view: done.view || null, previous: null });
      open(null);
    } else if (done.turn) take(done.turn);
    else next();
  };
  const beat = async () => {
    const { item, signedIn, lost, feedback, busy } = state();
    if (!item || !signedIn || lost || feedback || busy || document.visibilityState !== 'visible') return;
    try {
      await R.api.call('heartbeat', state().token, state().tab, item.id);
    } catch (error) {
      if (state().item === item && !state().busy && error instanceof R.api.Refusal) refused(error);
    }
  };

  Object.assign(R.actions, {
    submit,
    'go-on': () => {
      const { held } = state();
      if (!state().feedback || !held) { next(); return; }
      Object.assign(state(), { held: null, feedback: null });
      onward(held);
    },
    finish: () => during('Going on…', async () => {
      const turn = await ask('finish', state().item.id);
      return () => { R.drafts.drop(); take(turn); };
    }),
    undo: () => {
      if (!state().undo) { R.emit('wrong', { field: '', message: 'There is nothing to undo.' }); return; }
      R.drafts.push();
      during('Undoing…', async () => {
        try {
          const turn = await ask('undo');
          return () => take(turn);
        } catch (error) {
          if (error.kind !== 'conflict') throw error; // nothing to undo: the item of the moment stays
          return () => R.emit('wrong', { field: '', message: error.message });
        }
      });
    },
  });
  R.desk = {
    next, take, refused, beat,
    skip: (reason) => during('Skipping…', async () => {
      const turn = await ask('skip', state().item.id, reason);
      return () => { R.drafts.drop(); take(turn); };
    }),
    start: () => {
      document.addEventListener('visibilitychange', () => {
        if (document.visibilityState === 'hidden') R.drafts.flush(); // before the clock stops
        tick();
        if (document.visibilityState === 'visible') beat();
      });
      addEventListener('pagehide', R.drafts.flush);
      setInterval(beat, BEAT);
    },
  };
})();
