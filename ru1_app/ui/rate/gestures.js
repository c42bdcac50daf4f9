// Pointers on the images: wheel and pinch zoom, drags with space, the middle button or the hand pan, the grip
// slides. What is none of these is left to the marks.
(() => {
  const R = window.ru1rate;
  const down = new Map(); // pointer id -> last place on the screen
  let kind = null; // what the drag in progress does: pan | pinch | slide
  let space = false;
  let hand = matchMedia('(pointer: coarse)').matches; // a finger first moves the view; the button lets it draw

  const local = (event) => {
    const pane = event.target.closest('.rate-pane') || R.find('.rate-pane');
    const rect = pane.getBoundingClientRect();
    return { x: event.clientX - rect.left, y: event.clientY - rect.top, w: rect.width };
  };
  const spread = () => {
    const [a, b] = [...down.values()];
    return { d: Math.hypot(a.x - b.x, a.y - b.y) || 1, x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  };

  const press = (event) => {
    const touch = event.pointerType === 'touch';
    down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (down.size === 2 && touch) kind = 'pinch';
    else if (event.target.closest('.rate-grip')) kind = 'slide';
    else if (event.button === 1 || space || hand || !event.target.closest('.rate-main') || !R.marks.may()) kind = 'pan';
    else { kind = null; return; } // the marks' own
    R.marks.cancel();
    if (kind !== 'pan' || !touch || R.viewer.view.zoom > 1) event.currentTarget.setPointerCapture(event.pointerId);
    event.stopPropagation();
    if (!touch) event.preventDefault();
  };
  const move = (event) => {
    const last = down.get(event.pointerId);
    if (!last || !kind) return;
    const before = down.size === 2 ? spread() : null;
    down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (kind === 'slide') {
      const rect = R.find('.rate-main').getBoundingClientRect();
      R.viewer.slide((100 * (event.clientX - rect.left)) / rect.width);
    } else if (kind === 'pan') {
      R.viewer.pan(event.clientX - last.x, event.clientY - last.y);
    } else if (before) {
      const after = spread();
      const rect = R.find('.rate-main').getBoundingClientRect();
      R.viewer.zoom(after.d / before.d, { x: after.x - rect.left, y: after.y - rect.top });
      R.viewer.pan(after.x - before.x, after.y - before.y);
    }
    event.stopPropagation();
  };
  const release = (event) => {
    down.delete(event.pointerId);
    if (!down.size || kind === 'pinch') kind = null;
  };
  const setHand = (on) => {
    hand = on;
    R.find('.rate-panes').classList.toggle('rate-hand', hand || space);
    const button = R.find('[data-action="hand"]');
    if (button) button.setAttribute('aria-pressed', hand);
  };
  const start = () => {
    const panes = R.find('.rate-panes');
    panes.addEventListener('wheel', (event) => {
      if (event.ctrlKey === false && !event.target.closest('.rate-pane')) return;
      event.preventDefault();
      R.viewer.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0018)), local(event));
    }, { passive: false });
    panes.addEventListener('pointerdown', press, true);
    panes.addEventListener('pointermove', move, true);
    for (const name of ['pointerup', 'pointercancel']) panes.addEventListener(name, release, true);
    panes.addEventListener('auxclick', (event) => event.preventDefault());
    const blink = R.find('[data-action="blink"]');
    blink.addEventListener('pointerdown', () => R.viewer.blink(true));
    for (const name of ['pointerup', 'pointerleave', 'pointercancel']) blink.addEventListener(name, () => R.viewer.blink(false));
    blink.addEventListener('contextmenu', (event) => event.preventDefault());
    setHand(hand);
  };
  R.gestures = {
    start,
    isHand: () => hand,
    hand: () => { setHand(!hand); R.say(hand ? 'Dragging moves the view' : 'Dragging draws'); },
    space: (on) => { space = on; setHand(hand); },
  };
})();
