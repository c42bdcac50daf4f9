// Work on the server that takes a while: shows how far it is, lets it be stopped, gives its result.
(() => {
  const R = window.ru1;
  const WAIT = [150, 300, 500, 800]; // milliseconds between two questions, the last one again and again
  const TRIES = 8; // unanswered questions before we give up
  const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });

  // A bar with words and a button, in a place of the page.
  const bar = (place, stop) => {
    const words = R.make('p.ru1-notice.ru1-busy', { role: 'status' }, 'Starting…');
    const progress = R.make('progress', { max: '100', value: '0', 'aria-label': 'Progress' });
    const button = R.make('button.ru1-button', { type: 'button', onclick: () => { button.disabled = true; button.textContent = 'Stopping…'; stop(); } }, 'Cancel');
    place.replaceChildren(R.make('div.ru1-progress.export-progress', {}, words, progress, button));
    return (told) => {
      const text = told.state === 'waiting' ? `Waiting for ${told.ahead} before it` : told.what || 'Starting';
      if (words.textContent !== `${text}…`) words.textContent = `${text}…`;
      progress.value = Math.round(100 * told.share);
    };
  };

  // The job's result once it is done; null where it was stopped. Throws its sentence where it failed.
  const follow = async (place, id) => {
    const show = bar(place, () => R.call('export_cancel', R.token.get(), id).catch(() => {}));
    let lost = 0;
    try {
      for (let turn = 0; ; turn += 1) {
        let told = null;
        try { told = await R.call('export_job', R.token.get(), id); lost = 0; } catch (error) {
          if (error.kind || (lost += 1) >= TRIES) throw error;
        }
        if (told) {
          show(told);
          if (told.state === 'done') return told;
          if (told.state === 'stopped') return null;
          if (told.state === 'failed') throw new Error(told.message);
        }
        await sleep(WAIT[Math.min(turn, WAIT.length - 1)]);
      }
    } finally { place.replaceChildren(); }
  };
  R.task = { follow };
})();
