// Boxes on an image. Value: {image: data address, boxes: [{x0, y0, x1, y1}]} in fractions of the image.
// The image is taken out of the value as soon as it is shown, so that it never travels back.
const stage = element.querySelector('.ru1-stage');
const svg = element.querySelector('svg');
const picture = element.querySelector('img');
const list = element.querySelector('.ru1-boxes');
let draft = null;

const boxes = () => (props.value && props.value.boxes) || [];
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
  svg.replaceChildren(...boxes().map((box) => ru1.rectangle(box, 'ru1-box')));
  if (draft) svg.append(ru1.rectangle(draft, 'ru1-box ru1-draft'));
  list.replaceChildren(...boxes().map((box, index) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = `Remove box ${index + 1}`;
    button.onclick = () => save(boxes().filter((_, other) => other !== index));
    return button;
  }));
};

ru1.dragging(svg, {
  draft: (box) => { draft = box; draw(); },
  done: (box) => save([...boxes(), box]),
});
element.querySelector('.ru1-add').addEventListener('click', () => {
  save([...boxes(), { x0: 0.375, y0: 0.375, x1: 0.625, y1: 0.625 }]);
});
element.addEventListener('keydown', (event) => {
  const last = boxes().at(-1);
  if (event.target !== svg || !last) return;
  const moved = ru1.nudged(last, event);
  if (moved) save([...boxes().slice(0, -1), moved]);
  else if (event.key === 'Delete') save(boxes().slice(0, -1));
  else return;
  event.preventDefault();
});
watch(['value'], draw);
draw();
