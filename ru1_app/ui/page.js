// What the result's HTML does by itself. Handlers sit on the document, because that HTML comes and goes.
(() => {
  const stageOf = (target) => target.closest('.ru1-result').querySelector('.ru1-compare');
  const actions = {
    slide: (target) => stageOf(target).style.setProperty('--x', `${target.value}%`),
    overlay: (target) => {
      for (const part of target.closest('.ru1-result').querySelectorAll('[data-overlay]')) {
        part.hidden = part.dataset.overlay !== target.value;
      }
    },
    against: (target) => {
      const stage = stageOf(target);
      for (const image of stage.querySelectorAll('[data-left]')) image.hidden = image.dataset.left !== target.value;
      stage.querySelector('.ru1-left').textContent = target.value;
    },
  };
  document.addEventListener('input', ({ target }) => {
    const action = target.dataset && actions[target.dataset.ru1];
    if (action) action(target);
  });
  document.addEventListener('click', ({ target }) => {
    const link = target.closest && target.closest('a[data-save]');
    if (link) link.href = stageOf(link).querySelector(link.dataset.save).src;
  });

  // Gradio names neither the groups of its choices nor its thumbnails by what a person sees, and with a copy
  // button in it a field's label belongs to the button.
  const name = () => {
    for (const group of document.querySelectorAll('fieldset:not([aria-label])')) {
      const label = group.querySelector('[data-testid="block-info"]');
      if (label) group.setAttribute('aria-label', label.textContent.trim());
    }
    for (const field of document.querySelectorAll('label:has(button) textarea:not([aria-label])')) {
      field.setAttribute('aria-label', field.closest('label').querySelector('[data-testid="block-info"]').textContent.trim());
    }
    for (const item of document.querySelectorAll('.gallery-item')) {
      const button = item.querySelector('button');
      const caption = item.querySelector('.caption-label');
      const text = caption && caption.textContent.trim();
      if (button && text && button.getAttribute('aria-label') !== text) button.setAttribute('aria-label', text);
    }
  };
  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => { waiting = false; name(); }, 200);
  }).observe(document, { childList: true, subtree: true });
})();
