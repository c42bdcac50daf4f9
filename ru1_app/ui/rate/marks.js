// Marks on the judged image: boxes and points in fractions of it. Drawn, clicked, moved, resized by handles,
// or all of that by keys. A point is a box without extent. The judgement in `R.state` holds them.
(() => {
  const R = window.ru1rate;
  const NS = 'http://www.w3.org/2000/svg';
  const LEAST = 0.01; // a smaller box is a slip of the hand
  const SLIP = 4; // pixels of movement that are still a click
  const SIDES = { nw: [0, 0], n: [0.5, 0], ne: [1, 0], e: [1, 0.5], se: [1, 1], s: [0.5, 1], sw: [0, 1], w: [0, 0.5] };
  let svg = null;
  let drag = null; // {kind: new | move | handle, start, before, side, box}
  let hidden = false;

  const clamp = (value) => Math.min(1, Math.max(0, value));
  const regions = () => (R.state.judgement && R.state.judgement.regions) || [];
  const may = () => Boolean(svg && R.state.judgement && R.state.judgement.regions && !R.state.feedback && !R.state.busy && !R.state.lost);
  const isPoint = (box) => box.x0 === box.x1 && box.y0 === box.y1;
  const shape = (tag, attributes) => {
    const node = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  const pixels = (box) => {
    const { x, y, w, h } = R.viewer.view.rect;
    return { x: x + box.x0 * w, y: y + box.y0 * h, width: (box.x1 - box.x0) * w, height: (box.y1 - box.y0) * h };
  };
  const at = (event) => {
    const pane = svg.getBoundingClientRect();
    const { x, y, w, h } = R.viewer.view.rect;
    return { x: (event.clientX - pane.left - x) / w, y: (event.clientY - pane.top - y) / h };
  };

  const overlay = () => {
    svg = shape('svg', { class: 'rate-marks', role: 'group', 'aria-label': 'Marks on the image' });
    svg.addEventListener('pointerdown', press);
    svg.addEventListener('pointermove', moved);
    svg.addEventListener('pointerup', released);
    svg.addEventListener('pointercancel', cancel);
    return svg;
  };
  const drawOne = (box, index, kind) => {
    const place = pixels(box);
    const group = shape('g', { class: kind, 'data-index': index });
    if (isPoint(box)) {
      group.append(shape('circle', { cx: place.x, cy: place.y, r: 13, class: 'rate-hit' }),
        shape('circle', { cx: place.x, cy: place.y, r: 6 }));
    } else group.append(shape('rect', place));
    const tag = shape('text', { x: place.x + (isPoint(box) ? 11 : 4), y: place.y + (isPoint(box) ? 4 : 15) });
    tag.textContent = kind.includes('gold') ? '' : index + 1;
    group.append(tag);
    if (!kind.includes('chosen') || isPoint(box)) return group;
    for (const [side, [u, v]] of Object.entries(SIDES)) {
      const [cx, cy] = [place.x + u * place.width, place.y + v * place.height];
      group.append(shape('rect', { class: 'rate-handle', 'data-side': side, x: cx - 5, y: cy - 5, width: 10, height: 10 }),
        shape('rect', { class: 'rate-hit', 'data-side': side, x: cx - 11, y: cy - 11, width: 22, height: 22, style: `cursor:${side}-resize` }));
    }
    return group;
  };
  const draw = () => {
    if (!svg || !R.viewer.view.rect) return;
    const gold = (R.state.feedback && R.state.feedback.regions) || [];
    const own = hidden ? [] : regions();
    const order = own.map((_, index) => index).sort((a, b) => (a === R.state.mark) - (b === R.state.mark)); // chosen on top
    svg.replaceChildren(
      ...order.map((index) => drawOne(own[index], index, `rate-region${index === R.state.mark ? ' rate-chosen' : ''}`)),
      ...(drag && drag.kind === 'new' && drag.box ? [drawOne(drag.box, regions().length, 'rate-region rate-draft')] : []),
      ...(hidden ? [] : gold.map((box, index) => drawOne(box, index, 'rate-region rate-gold'))),
    );
  };

  const change = (index, box) => {
    const list = [...regions()];
    list[index] = { ...list[index], ...box };
    R.state.judgement.regions = list;
    R.emit('judgement', 'marks');
  };
  const choose = (index) => {
    R.state.mark = index >= 0 && index < regions().length ? index : null;
    R.emit('marks');
  };
  const add = (box) => {
    if (!may()) return;
    const most = R.state.words.max_regions;
    if (regions().length >= most) { R.emit('wrong', { field: 'marks', message: `There are ${most} marks already; up to ${most} are allowed.` }); return; }
    hidden = false;
    const category = R.state.category in R.state.judgement.categories ? R.state.category : null;
    R.state.judgement.regions = [...regions(), { x0: box.x0, y0: box.y0, x1: box.x1, y1: box.y1, category }];
    R.emit('judgement', 'marks');
    choose(regions().length - 1);
    R.say(`${isPoint(box) ? 'Point' : 'Box'} ${regions().length} added`);
  };
  const remove = (index = R.state.mark) => {
    if (!may() || index === null || index === undefined) return;
    R.state.judgement.regions = regions().filter((_, other) => other !== index);
    R.emit('judgement', 'marks');
    choose(Math.min(index, regions().length - 1));
    R.say(`Mark ${index + 1} removed`);
  };

  const press = (event) => {
    if (!may() || event.button !== 0) return;
    const start = at(event);
    const target = event.target;
    const group = target.closest('g[data-index]');
    if (group && !group.classList.contains('rate-gold')) {
      const index = Number(group.dataset.index);
      choose(index);
      drag = { kind: target.dataset.side ? 'handle' : 'move', side: target.dataset.side, index, start, before: { ...regions()[index] } };
    } else drag = { kind: 'new', start, from: [event.clientX, event.clientY] };
    svg.setPointerCapture(event.pointerId);
    event.preventDefault();
    if (document.activeElement && document.activeElement !== document.body) document.activeElement.blur();
  };
  const moved = (event) => {
    if (!drag) return;
    const to = at(event);
    const [dx, dy] = [to.x - drag.start.x, to.y - drag.start.y];
    const old = drag.before;
    if (drag.kind === 'new') {
      const far = Math.hypot(event.clientX - drag.from[0], event.clientY - drag.from[1]) > SLIP;
      const [a, b] = [drag.start, to].map((point) => ({ x: clamp(point.x), y: clamp(point.y) }));
      drag.box = far ? { x0: Math.min(a.x, b.x), y0: Math.min(a.y, b.y), x1: Math.max(a.x, b.x), y1: Math.max(a.y, b.y) } : null;
      draw();
    } else if (drag.kind === 'move') change(drag.index, shifted(old, dx, dy));
    else {
      const [u, v] = SIDES[drag.side];
      const box = { ...old };
      if (u === 0) box.x0 = clamp(Math.min(old.x0 + dx, old.x1 - LEAST));
      if (u === 1) box.x1 = clamp(Math.max(old.x1 + dx, old.x0 + LEAST));
      if (v === 0) box.y0 = clamp(Math.min(old.y0 + dy, old.y1 - LEAST));
      if (v === 1) box.y1 = clamp(Math.max(old.y1 + dy, old.y0 + LEAST));
      change(drag.index, box);
    }
  };
  const released = (event) => {
    if (!drag) return;
    const { kind, box, start } = drag;
    const inside = start.x >= 0 && start.x <= 1 && start.y >= 0 && start.y <= 1;
    drag = null;
    if (kind === 'new' && box && box.x1 - box.x0 > LEAST && box.y1 - box.y0 > LEAST) add(box);
    else if (kind === 'new' && inside && event.type === 'pointerup' && !box) add({ x0: start.x, y0: start.y, x1: start.x, y1: start.y });
    draw();
  };
  const cancel = () => { drag = null; draw(); };

  const shifted = (box, dx, dy) => {
    const x = Math.min(1 - box.x1, Math.max(-box.x0, dx));
    const y = Math.min(1 - box.y1, Math.max(-box.y0, dy));
    return { x0: box.x0 + x, y0: box.y0 + y, x1: box.x1 + x, y1: box.y1 + y };
  };
  const STEPS = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };
  // Moves the chosen mark a step (1 % of what is in view); false where none is chosen.
  const step = (way, grow = false) => {
    const box = regions()[R.state.mark];
    if (!may() || !box) return false;
    const [dx, dy] = STEPS[way].map((unit) => (unit * 0.01) / R.viewer.view.zoom);
    if (!grow) change(R.state.mark, shifted(box, dx, dy));
    else if (!isPoint(box)) {
      change(R.state.mark, { x1: clamp(Math.max(box.x0 + LEAST, box.x1 + dx)), y1: clamp(Math.max(box.y0 + LEAST, box.y1 + dy)) });
    }
    return true;
  };
  // A new mark in the middle of what is in view.
  const middle = (size) => {
    const { cx, cy, zoom } = R.viewer.view;
    const half = size / zoom / 2;
    add(size ? { x0: clamp(cx - half), y0: clamp(cy - half), x1: clamp(cx + half), y1: clamp(cy + half) } : { x0: cx, y0: cy, x1: cx, y1: cy });
  };
  const next = (by) => {
    const count = regions().length;
    if (count) choose(R.state.mark === null ? (by > 0 ? 0 : count - 1) : (R.state.mark + by + count) % count);
  };
  R.marks = {
    overlay, draw, may, choose, remove, step, middle, next, cancel, change, isPoint,
    hide: () => { hidden = !hidden; draw(); R.say(hidden ? 'Marks hidden' : 'Marks shown'); },
  };
})();
