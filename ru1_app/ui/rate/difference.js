// The difference of two images as a picture: |a - b| of every channel, times a factor that the caption names.
(() => {
  const R = window.ru1rate;
  const FACTOR = 4;

  const pixels = (image, w, h) => {
    const sheet = R.el('canvas', { width: w, height: h });
    const pen = sheet.getContext('2d', { willReadFrequently: true });
    pen.drawImage(image, 0, 0, w, h);
    return pen.getImageData(0, 0, w, h);
  };
  const load = (url) => {
    const image = new Image();
    image.src = url;
    return image.decode().then(() => image);
  };
  // A canvas that is filled as soon as both images are there; the second is brought to the first one's size.
  const canvas = (a, b) => {
    const sheet = R.el('canvas.rate-image.rate-difference', { role: 'img', 'aria-label': `Difference, times ${FACTOR}` });
    Promise.all([load(a), load(b)]).then(([first, second]) => {
      const [w, h] = [first.naturalWidth, first.naturalHeight];
      const [left, right] = [pixels(first, w, h), pixels(second, w, h)];
      const out = left.data; // clamps to 0-255 by itself
      for (let k = 0; k < out.length; k += 4) {
        for (let c = k; c < k + 3; c += 1) out[c] = FACTOR * Math.abs(out[c] - right.data[c]);
        out[k + 3] = 255;
      }
      Object.assign(sheet, { width: w, height: h });
      sheet.getContext('2d').putImageData(left, 0, 0);
      sheet.dataset.done = 'true';
    }, () => { /* the images themselves say that they did not load */ });
    return sheet;
  };
  R.difference = { canvas, FACTOR };
})();
