// Boxes on an image. Value: {image: data address, boxes: [{x0, y0, x1, y1}]} in fractions of the image.
// The image is taken out of the value as soon as it is shown, so that it never travels back.
const NS = 'http://www.w3.org/2000/svg';
const stage = element.querySelector('.ru1-stage');
const svg = element.querySelector('svg');
const picture = element.querySelector('img');
const list = element.querySelector('.ru1-boxes');
let start = null;
let draft = null;

const boxes = () => (props.value && props.value.boxes) || [];
const clamp = (v) => Math.min(1, Math.max(0, v));
const at = (event) => {
  const rect = svg.getBoundingClientRect();
  return { x: clamp((event.clientX - rect.left) / rect.width), y: clamp((event.clientY - rect.top) / rect.height) };
};
const rectangle = (box, kind) => {
  const shape = document.createElementNS(NS, 'rect');
  shape.setAttribute('x', box.x0 * 100);
  shape.setAttribute('y', box.y0 * 100);
  shape.setAttribute('width', (box.x1 - box.x0) * 100);
  shape.setAttribute('height', (box.y1 - box.y0) * 100);
  shape.setAttribute('class', kind);
  return shape;
};
const save = (next) => {
  props.value = { ...props.value, boxes: next };
  draw();
  trigger('saved', { count: next.length });
};
const draw = () => {
  if (props.value && props.value.image) {
    picture.setAttribute('src', props.value.image);
    props.value = { ...props.value, image: null };
  }
  stage.hidden = !picture.getAttribute('src');
  svg.replaceChildren(...boxes().map((box) => rectangle(box, 'ru1-box')));
  if (draft) svg.append(rectangle(draft, 'ru1-box ru1-draft'));
  list.replaceChildren(...boxes().map((box, index) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = `Remove box ${index + 1}`;
    button.onclick = () => save(boxes().filter((_, other) => other !== index));
    return button;
  }));
};
const between = (a, b) => ({
  x0: Math.min(a.x, b.x), y0: Math.min(a.y, b.y), x1: Math.max(a.x, b.x), y1: Math.max(a.y, b.y),
});

svg.addEventListener('pointerdown', (event) => {
  start = at(event);
  svg.setPointerCapture(event.pointerId);
  event.preventDefault();
});
svg.addEventListener('pointermove', (event) => {
  if (!start) return;
  draft = between(start, at(event));
  draw();
});
svg.addEventListener('pointerup', (event) => {
  if (!start) return;
  const box = between(start, at(event));
  start = draft = null;
  if (box.x1 - box.x0 > 0.01 && box.y1 - box.y0 > 0.01) save([...boxes(), box]);
  else draw();
});
svg.addEventListener('pointercancel', () => { start = draft = null; draw(); });
element.querySelector('.ru1-add').addEventListener('click', () => {
  save([...boxes(), { x0: 0.375, y0: 0.375, x1: 0.625, y1: 0.625 }]);
});
element.addEventListener('keydown', (event) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const last = boxes().at(-1);
  if (event.target !== svg || !last || (!step && event.key !== 'Delete')) return;
  event.preventDefault();
  if (!step) return save(boxes().slice(0, -1));
  const [dx, dy] = step.map((unit) => unit * 0.02);
  const grow = event.shiftKey ? 0 : 1;
  const moved = {
    x0: clamp(last.x0 + dx * grow), y0: clamp(last.y0 + dy * grow), x1: clamp(last.x1 + dx), y1: clamp(last.y1 + dy),
  };
  if (moved.x1 - moved.x0 > 0.01 && moved.y1 - moved.y0 > 0.01) save([...boxes().slice(0, -1), moved]);
});
watch(['value'], draw);
draw();
