// A chain of corruptions. Value: {steps: [{name, severity, box}], seed}. Every change replaces the value and
// fires `changed`; the preview draws the boxes and lets a person draw one (see preview.js).
const LEVELS = { low: 1 / 3, mid: 2 / 3, high: 1 };
const list = element.querySelector('.ru1-steps');
const picker = element.querySelector('.ru1-picker');
const search = element.querySelector('.ru1-search');
const open = element.querySelector('.ru1-open');
const seed = element.querySelector('.ru1-seed input');
const entries = new Map(props.catalogue.map((entry, place) => [entry.name, { ...entry, place }]));
let drawing = null;

const value = () => props.value || { steps: [], seed: 0 };
const show = (number) => number.toFixed(4).replace(/0+$/, '').replace(/\.$/, '');
const levelOf = (severity) => Object.keys(LEVELS).find((name) => Math.abs(LEVELS[name] - severity) < 5e-5);

const make = (tag, settings = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), settings);
  node.append(...children);
  return node;
};
const button = (text, label, onclick, more = {}) => {
  const node = make('button', { type: 'button', textContent: text, onclick, ...more });
  if (label) { node.setAttribute('aria-label', label); node.title = label; }
  return node;
};

const save = (next, redraw = true) => {
  props.value = { ...value(), ...next };
  if (redraw) draw();
  else tellBoxes();
  trigger('changed', {});
};
const setStep = (index, change, redraw = true) => save(
  { steps: value().steps.map((step, other) => (other === index ? { ...step, ...change } : step)) }, redraw,
);
const tellBoxes = () => document.dispatchEvent(new CustomEvent('ru1-boxes', {
  detail: value().steps.filter((step) => step.box).map(({ box: [x0, y0, x1, y1] }) => ({ x0, y0, x1, y1 })),
}));

const row = (step, index, steps) => {
  const entry = entries.get(step.name) || { label: step.name, step: '', moves: '' };
  const number = make('input', { type: 'number', min: 0, max: 1, step: 0.01, value: show(step.severity) });
  number.setAttribute('aria-label', `Severity of ${entry.label} as a number`);
  const slider = make('input', { type: 'range', min: 0, max: 1, step: 0.01, value: step.severity });
  slider.setAttribute('aria-label', `Severity of ${entry.label}`);
  const marks = Object.keys(LEVELS).map((name) => button(name, '', () => setStep(index, { severity: LEVELS[name] })));
  const mark = (severity) => marks.forEach((each) => each.setAttribute('aria-pressed', each.textContent === levelOf(severity)));
  mark(step.severity);
  slider.oninput = () => {
    number.value = show(Number(slider.value));
    mark(Number(slider.value));
    setStep(index, { severity: Number(slider.value) }, false);
  };
  number.onchange = () => setStep(index, { severity: Math.min(1, Math.max(0, Number(number.value) || 0)) });
  const move = (by) => () => {
    const next = steps.filter((_, other) => other !== index);
    next.splice(index + by, 0, step);
    save({ steps: next });
  };
  const box = step.box
    ? button('Whole image', `Let ${entry.label} damage the whole image`, () => setStep(index, { box: null }))
    : button('Box', `Confine ${entry.label} to a box`, () => { drawing = index; document.dispatchEvent(new CustomEvent('ru1-draw')); });
  const tools = [
    box,
    ...(steps.length > 1 ? [
      button('↑', `Move ${entry.label} up`, move(-1), { disabled: index === 0 }),
      button('↓', `Move ${entry.label} down`, move(1), { disabled: index === steps.length - 1 }),
    ] : []),
    button('✕', `Remove ${entry.label}`, () => save({ steps: steps.filter((_, other) => other !== index) })),
  ];
  return make('li', { className: 'ru1-step' },
    make('div', { className: 'ru1-step-head' },
      make('b', { textContent: entry.label }), make('span', { className: 'ru1-tools' }, ...tools)),
    make('div', { className: 'ru1-step-body' },
      make('span', { className: 'ru1-levels' }, ...marks), slider, number),
    ...(entry.moves ? [make('p', { className: 'ru1-small', textContent: `It ${entry.moves}.` })] : []));
};

const draw = () => {
  const { steps } = value();
  list.replaceChildren(...steps.map(row));
  element.querySelector('.ru1-none').hidden = steps.length > 0;
  element.querySelector('.ru1-clear').hidden = steps.length === 0;
  element.querySelector('.ru1-seed').hidden = steps.length === 0;
  open.disabled = steps.length >= props.most;
  open.textContent = steps.length ? 'Add another' : 'Add a corruption';
  if (document.activeElement !== seed) seed.value = value().seed;
  tellBoxes();
};

// The picker: groups in the order of the imaging chain, a tile for each effect on the current image.
const tile = (entry) => {
  const [column, line] = [entry.place % props.columns, Math.floor(entry.place / props.columns)];
  const thumb = make('span', { className: 'ru1-thumb' });
  thumb.style.setProperty('--column', column);
  thumb.style.setProperty('--line', line);
  const node = button('', '', () => add(entry), { className: 'ru1-tile', title: entry.physics });
  node.append(thumb, make('span', { textContent: entry.label }));
  node.dataset.words = `${entry.label} ${entry.name} ${entry.step} ${entry.physics}`.toLowerCase();
  return node;
};
const groups = props.steps.map(([step, label]) => make('section', {},
  make('h4', { textContent: label }),
  make('div', { className: 'ru1-tiles' }, ...[...entries.values()].filter((entry) => entry.step === step).map(tile))));
element.querySelector('.ru1-groups').append(...groups);
const rows = Math.ceil(entries.size / props.columns);
picker.style.setProperty('--columns', props.columns);
picker.style.setProperty('--rows', rows);

const add = (entry) => {
  const { steps } = value();
  const place = (step) => (entries.get(step.name) || { place: 0 }).place;
  const after = steps.filter((step) => place(step) <= entry.place).length;
  const next = [...steps];
  next.splice(after, 0, { name: entry.name, severity: LEVELS.mid, box: null });
  toggle(false);
  save({ steps: next });
};
const toggle = (shown) => {
  picker.hidden = !shown;
  open.setAttribute('aria-expanded', String(shown));
  if (shown) { search.value = ''; find(); search.focus(); }
};
const find = () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const group of groups) {
    for (const each of group.querySelectorAll('.ru1-tile')) each.hidden = !words.every((word) => each.dataset.words.includes(word));
    group.hidden = !group.querySelector('.ru1-tile:not([hidden])');
  }
  element.querySelector('.ru1-nothing').hidden = groups.some((group) => !group.hidden);
};
const draws = (below) => Math.floor(Math.random() * below);
const surprise = () => {
  const pool = [...entries.values()];
  const count = 1 + draws(2);
  const chosen = new Set();
  while (chosen.size < count) chosen.add(pool[draws(pool.length)]);
  const steps = [...chosen].sort((a, b) => a.place - b.place)
    .map(({ name }) => ({ name, severity: Math.round(25 + Math.random() * 60) / 100, box: null }));
  save({ steps, seed: draws(10000) });
};

open.onclick = () => toggle(picker.hidden);
search.oninput = find;
picker.addEventListener('keydown', (event) => { if (event.key === 'Escape') { toggle(false); open.focus(); } });
element.querySelector('.ru1-surprise').onclick = surprise;
element.querySelector('.ru1-clear').onclick = () => { toggle(false); save({ steps: [] }); };
element.querySelector('.ru1-dice').onclick = () => { seed.blur(); save({ seed: draws(10000) }); };
seed.onchange = () => save({ seed: Math.min(Number(seed.max), Math.max(0, Math.trunc(Number(seed.value)) || 0)) });
document.addEventListener('ru1-drawn', ({ detail }) => {
  const index = drawing;
  drawing = null;
  if (detail && index !== null && value().steps[index]) {
    setStep(index, { box: [detail.x0, detail.y0, detail.x1, detail.y1].map((each) => Math.round(each * 1e4) / 1e4) });
  }
});
watch(['value'], draw);
draw();
