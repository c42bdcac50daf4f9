// Ways into the upload besides its own: paste from the clipboard. And the limit on bytes, in our words:
// the server would cut a larger file off before our code could say why.
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

  document.addEventListener('paste', (event) => {
    const pictures = [...event.clipboardData.files].filter((file) => file.type.startsWith('image/'));
    if (!pictures.length || !input() || (text(event.target) && event.clipboardData.getData('text'))) return;
    event.preventDefault();
    const moved = new DataTransfer();
    moved.items.add(pictures[0]);
    input().files = moved.files;
    input().dispatchEvent(new Event('change', { bubbles: true }));
  });
})();
