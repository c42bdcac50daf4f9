// The corrupted image before a run. The chain editor asks for a box with `ru1-draw` and shows its boxes with
// `ru1-boxes`; a box that is drawn here is told with `ru1-drawn`. Value: {image, alt, caption}.
const figure = element.querySelector('figure');
const picture = element.querySelector('img');
const svg = element.querySelector('svg');
const words = element.querySelector('figcaption');
const hint = element.querySelector('.ru1-hint');
let boxes = [];
let draft = null;
let asked = false;

const draw = () => {
  const value = props.value || {};
  figure.hidden = !value.image;
  if (value.image) {
    picture.src = value.image;
    picture.alt = value.alt;
    words.textContent = value.caption;
  }
  hint.hidden = !asked;
  svg.classList.toggle('ru1-asked', asked);
  svg.replaceChildren(...boxes.map((box) => ru1.rectangle(box, 'ru1-box')));
  if (draft) svg.append(ru1.rectangle(draft, 'ru1-box ru1-draft'));
};
const tell = (box) => {
  svg.blur();
  asked = false;
  draw();
  document.dispatchEvent(new CustomEvent('ru1-drawn', { detail: box }));
};

ru1.dragging(svg, {
  may: () => asked,
  draft: (box) => { draft = box; draw(); },
  done: tell,
});
element.addEventListener('keydown', (event) => { if (event.key === 'Escape' && asked) tell(null); });
document.addEventListener('ru1-draw', () => {
  asked = true;
  draw();
  svg.focus();
  figure.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
});
document.addEventListener('ru1-boxes', ({ detail }) => { boxes = detail; draw(); });
watch(['value'], draw);
draw();
