// Ways into the upload besides its own: paste from the clipboard, and the camera. And the limit on bytes, in our
// words: the server would cut a larger file off before our code could say why.
(() => {
  const input = () => document.querySelector('#upload input[type=file]');
  const text = (target) => target.closest && target.closest('input:not([type=file]), textarea, [contenteditable]');

  const say = (words) => {
    const old = document.querySelector('#upload-refusal');
    if (old) old.remove();
    if (!words) return;
    const line = document.createElement('p');
    line.id = 'upload-refusal';
    line.className = 'ru1-notice ru1-bad';
    line.setAttribute('role', 'alert');
    line.textContent = words;
    document.querySelector('#upload').after(line);
  };

  const refused = (files) => {
    const large = [...files].find((file) => file.size > ru1.maxBytes);
    say(large && `'${large.name}' has ${(large.size / 1e6).toFixed(1)} MB; up to ${(ru1.maxBytes / 1e6).toFixed(0)} MB are allowed.`);
    return Boolean(large);
  };

  const guard = (event, files) => {
    if (!files.length || !refused(files)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.target.matches('input')) event.target.value = '';
  };
  const inside = (event) => event.target.closest && event.target.closest('#upload');
  document.addEventListener('change', (event) => { if (inside(event)) guard(event, event.target.files || []); }, true);
  document.addEventListener('drop', (event) => { if (inside(event)) guard(event, event.dataTransfer.files); }, true);

  const give = (file) => {
    const moved = new DataTransfer();
    moved.items.add(file);
    input().files = moved.files;
    input().dispatchEvent(new Event('change', { bubbles: true }));
  };

  document.addEventListener('paste', (event) => {
    const pictures = [...event.clipboardData.files].filter((file) => file.type.startsWith('image/'));
    if (!pictures.length || !input() || (text(event.target) && event.clipboardData.getData('text'))) return;
    event.preventDefault();
    give(pictures[0]);
  });

  // The camera: opened on demand, closed after a picture or on request. Nothing is sent before one is taken.
  const part = (name) => document.querySelector(`#camera .ru1-${name}`);
  const show = (on) => {
    part('viewer').hidden = !on;
    part('look').hidden = on;
  };
  const close = () => {
    const video = part('viewer').querySelector('video');
    if (video.srcObject) for (const track of video.srcObject.getTracks()) track.stop();
    video.srcObject = null;
    show(false);
  };
  const look = async () => {
    say('');
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment', width: { ideal: 1280 } } });
      show(true);
      part('viewer').querySelector('video').srcObject = stream;
    } catch (error) {
      say('The camera cannot be used: there is none, or the browser does not allow it here. Upload a picture instead.');
    }
  };
  const take = () => {
    const video = part('viewer').querySelector('video');
    if (!video.videoWidth) return;
    const canvas = Object.assign(document.createElement('canvas'), { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext('2d').drawImage(video, 0, 0);
    canvas.toBlob((blob) => {
      close();
      give(new File([blob], 'camera.png', { type: 'image/png' }));
    }, 'image/png');
  };
  const acts = { 'ru1-look': look, 'ru1-take': take, 'ru1-close': close };
  document.addEventListener('click', ({ target }) => {
    const button = target.closest && target.closest('#camera button');
    if (button) acts[button.className]();
  });
})();
