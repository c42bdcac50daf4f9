// The images: panes that share one zoom and one place, in four ways of comparing, and the blink between two.
// Everything here is in pixels of a pane; `place` gives the image's rectangle in it, which the marks use too.
(() => {
  const R = window.ru1rate;
  const GAP = 6;
  const MOST = 32; // times the fitted size
  const MODES = ['side', 'slider', 'difference', 'single'];
  const view = {
    layers: [], main: '', against: '', size: [1, 1], zoom: 1, cx: 0.5, cy: 0.5, slide: 50, mode: 'side', blink: false,
    loaded: false,
  };
  let panes;
  let pane = { w: 1, h: 1 };

  const layer = (key) => view.layers.find((each) => each.key === key);
  const others = () => view.layers.filter((each) => each.key !== view.main);
  const shown = () => (view.mode === 'side' ? [...others(), layer(view.main)] : [layer(view.main)]);

  // Columns and rows that show the panes largest.
  const grid = (count) => {
    const box = { w: panes.clientWidth, h: panes.clientHeight };
    let best = null;
    for (let columns = 1; columns <= count; columns += 1) {
      const rows = Math.ceil(count / columns);
      const w = (box.w - GAP * (columns - 1)) / columns;
      const h = (box.h - GAP * (rows - 1)) / rows;
      const scale = Math.min(w / view.size[0], h / view.size[1]);
      // one row is what the eye expects: rows have to earn it
      const gain = rows === 1 ? 1.2 : 1;
      if (!best || scale * gain > best.scale * best.gain) best = { columns, rows, w, h, scale, gain };
    }
    return best;
  };

  const picture = (of, kind = '') => {
    const image = R.el(`img${kind}`, { alt: `${of.label} image`, draggable: 'false' });
    image.onerror = () => { setTimeout(() => { image.src = of.url; }, 2000); R.emit('image-lost', of.label); };
    image.src = of.url;
    return image;
  };
  const build = () => {
    const list = view.layers.length ? shown() : [];
    panes.dataset.mode = view.mode;
    panes.replaceChildren(...list.map((each) => {
      const isMain = each.key === view.main;
      const other = isMain && layer(view.against);
      return R.el(`figure.rate-pane${isMain ? '.rate-main' : ''}`, { 'data-key': each.key },
        picture(each, '.rate-image'),
        other && picture(other, '.rate-image.rate-over'),
        isMain && view.mode === 'difference' && R.difference.canvas(layer(view.main).url, layer(view.against).url),
        isMain && R.marks.overlay(),
        isMain && view.mode === 'slider' && R.el('span.rate-grip', { 'aria-hidden': 'true' }),
        R.el('figcaption', {}, each.label));
    }));
    place();
    tell();
  };

  const place = () => {
    if (!panes || !view.layers.length || !panes.clientWidth) return; // not shown: nothing to lay out
    const best = grid(panes.childElementCount || 1);
    panes.style.gridTemplateColumns = `repeat(${best.columns}, minmax(0, 1fr))`;
    panes.style.gridTemplateRows = `repeat(${best.rows}, minmax(0, 1fr))`;
    pane = best;
    const scale = best.scale * view.zoom;
    const [w, h] = [view.size[0] * scale, view.size[1] * scale];
    const clamp = (centre, room, length) => (length <= room ? 0.5
      : Math.min(1 - room / 2 / length, Math.max(room / 2 / length, centre)));
    view.cx = clamp(view.cx, best.w, w);
    view.cy = clamp(view.cy, best.h, h);
    view.rect = { x: best.w / 2 - view.cx * w, y: best.h / 2 - view.cy * h, w, h };
    for (const [name, value] of Object.entries(view.rect)) panes.style.setProperty(`--i${name}`, `${value}px`);
    panes.style.setProperty('--slide', `${view.slide}%`);
    panes.style.setProperty('--sx', `${(view.slide / 100) * best.w}px`);
    panes.classList.toggle('rate-coarse', scale >= 4); // from here on, pixels are shown as pixels
    panes.classList.toggle('rate-loading', !view.loaded);
    panes.classList.toggle('rate-zoomed', view.zoom > 1);
    R.marks.draw();
    R.find('.rate-zoom').textContent = `${Math.round(view.zoom * 100)} %`;
  };

  // Which image is where, in words; the pressed buttons; the slider's place.
  const tell = () => {
    const main = R.find('.rate-main figcaption');
    const other = layer(view.against);
    panes.classList.toggle('rate-blink', view.blink);
    if (main && other) {
      const name = layer(view.main).label;
      main.textContent = view.blink ? other.label
        : { slider: `${other.label} | ${name}`, difference: `|${name} − ${other.label}| × ${R.difference.FACTOR}` }[view.mode] || name;
    }
    for (const button of R.root.querySelectorAll('[data-action^="mode:"]')) {
      button.setAttribute('aria-pressed', button.dataset.action === `mode:${view.mode}`);
    }
    R.find('.rate-slide').hidden = view.mode !== 'slider';
    const against = R.find('[data-action="against"]');
    against.hidden = view.layers.length < 3;
    against.firstChild.textContent = other ? `Against: ${other.label.toLowerCase()}` : 'Against';
  };

  // layers: [{key, label, url}]; main is the one that is judged and marked, against the one it is compared with.
  const show = (layers, main, against, size, keep = false) => {
    Object.assign(view, { layers, main, against, size: size && size[0] && size[1] ? size : [1, 1], blink: false, loaded: false });
    if (!keep) Object.assign(view, { zoom: 1, cx: 0.5, cy: 0.5, slide: 50 });
    R.find('.rate-slide').value = view.slide;
    build();
    const ready = layers.map((each) => {
      const image = new Image();
      image.src = each.url;
      return image.decode().then(() => image);
    });
    return Promise.all(ready).then((images) => {
      if (view.layers !== layers) return;
      view.loaded = true;
      if (!size) { // the judged image's own; marks are fractions of it
        const judged = images[layers.findIndex((each) => each.key === main)];
        view.size = [judged.naturalWidth, judged.naturalHeight];
      }
      place();
      R.emit('images', true);
    }, () => setTimeout(() => { if (view.layers === layers) show(layers, main, against, size, true); }, 2000));
  };
  const mode = (name) => {
    if (!MODES.includes(name)) return;
    view.mode = name;
    R.store.set('ru1.rate.mode', name);
    build();
    R.say({ side: 'Side by side', slider: 'Slider', difference: `Difference, times ${R.difference.FACTOR}`, single: 'One image' }[name]);
  };
  const zoom = (factor, at = { x: pane.w / 2, y: pane.h / 2 }) => {
    const before = view.rect;
    if (!before) return;
    const next = Math.min(MOST, Math.max(1, view.zoom * factor));
    const [fx, fy] = [(at.x - before.x) / before.w, (at.y - before.y) / before.h];
    const ratio = next / view.zoom;
    view.zoom = next;
    view.cx = fx + (pane.w / 2 - at.x) / (before.w * ratio); // what is under the pointer stays under it
    view.cy = fy + (pane.h / 2 - at.y) / (before.h * ratio);
    place();
  };
  const pan = (dx, dy) => {
    if (!view.rect) return;
    view.cx -= dx / view.rect.w;
    view.cy -= dy / view.rect.h;
    place();
  };
  const fit = () => { Object.assign(view, { zoom: 1, cx: 0.5, cy: 0.5 }); place(); };
  const slide = (to) => {
    view.slide = Math.min(100, Math.max(0, to));
    R.find('.rate-slide').value = view.slide;
    panes.style.setProperty('--sx', `${(view.slide / 100) * pane.w}px`);
  };
  const blink = (on) => { if (view.blink !== on) { view.blink = on; tell(); } };
  const turn = () => {
    const list = others();
    if (list.length < 2) return;
    const next = list[(list.findIndex((each) => each.key === view.against) + 1) % list.length];
    view.against = next.key;
    build();
    R.say(`Compared with ${next.label.toLowerCase()}`);
  };
  const start = () => {
    panes = R.find('.rate-panes');
    const small = innerWidth < 700;
    view.mode = R.store.get('ru1.rate.mode') || (small ? 'slider' : 'side');
    if (!MODES.includes(view.mode)) view.mode = 'side';
    R.find('.rate-slide').addEventListener('input', ({ target }) => slide(Number(target.value)));
    new ResizeObserver(place).observe(panes);
  };

  R.viewer = { start, show, mode, zoom, pan, fit, slide, blink, turn, place, view, pane: () => pane };
})();
