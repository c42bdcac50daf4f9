// Drawing boxes over an image, for every component that does: boxes are {x0, y0, x1, y1} in fractions of it.
window.ru1 = Object.assign(window.ru1 || {}, (() => {
  const NS = 'http://www.w3.org/2000/svg';
  const LEAST = 0.01; // a smaller box is a slip of the hand
  const clamp = (value) => Math.min(1, Math.max(0, value));
  const between = (a, b) => ({
    x0: Math.min(a.x, b.x), y0: Math.min(a.y, b.y), x1: Math.max(a.x, b.x), y1: Math.max(a.y, b.y),
  });
  const sound = (box) => box.x1 - box.x0 > LEAST && box.y1 - box.y0 > LEAST;

  // An SVG rectangle for a viewBox of 100 by 100.
  const rectangle = (box, kind) => {
    const shape = document.createElementNS(NS, 'rect');
    const sides = { x: box.x0, y: box.y0, width: box.x1 - box.x0, height: box.y1 - box.y0 };
    for (const [name, value] of Object.entries(sides)) shape.setAttribute(name, value * 100);
    shape.setAttribute('class', kind);
    return shape;
  };

  // Drags on `svg` call draft(box or null) while they last and done(box) at their end; `may` says whether to listen.
  const dragging = (svg, { draft, done, may = () => true }) => {
    let start = null;
    const at = (event) => {
      const rect = svg.getBoundingClientRect();
      return { x: clamp((event.clientX - rect.left) / rect.width), y: clamp((event.clientY - rect.top) / rect.height) };
    };
    svg.addEventListener('pointerdown', (event) => {
      if (!may()) return;
      start = at(event);
      svg.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    svg.addEventListener('pointermove', (event) => { if (start) draft(between(start, at(event))); });
    svg.addEventListener('pointerup', (event) => {
      if (!start) return;
      const box = between(start, at(event));
      start = null;
      draft(null);
      if (sound(box)) done(box);
    });
    svg.addEventListener('pointercancel', () => { start = null; draft(null); });
  };

  // Arrows move the box, Shift and arrows resize it; null where the key is none of them or the box would vanish.
  const nudged = (box, event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return null;
    const [dx, dy] = step.map((unit) => unit * 0.02);
    const grow = event.shiftKey ? 0 : 1;
    const moved = {
      x0: clamp(box.x0 + dx * grow), y0: clamp(box.y0 + dy * grow), x1: clamp(box.x1 + dx), y1: clamp(box.y1 + dy),
    };
    return sound(moved) ? moved : null;
  };

  return { rectangle, dragging, nudged };
})());
