// The smallest things everyone here uses: elements, key caps, events between the modules, a spoken line.
(() => {
  const R = window.ru1rate;
  const heard = {};

  // el('button.x.y', {onclick, 'aria-label': …}, 'text', child): null children are left out, text is never markup.
  R.el = (kind, props = {}, ...children) => {
    const [tag, ...classes] = kind.split('.');
    const node = document.createElement(tag || 'div');
    if (classes.length) node.className = classes.join(' ');
    for (const [name, value] of Object.entries(props)) {
      if (value === undefined || value === null || value === false) continue;
      if (name.startsWith('on')) node[name] = value;
      else node.setAttribute(name, value === true ? '' : value);
    }
    node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
    return node;
  };
  const CAPS = {
    ' ': 'Space', ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', Enter: '⏎', Escape: 'Esc', Delete: 'Del',
  };
  R.cap = (key) => key.split('+').map((part) => CAPS[part] || part).join('') || key;
  // The key cap of an action, as its control shows it; nothing where the action has no key here.
  R.kbd = (action) => {
    const entry = R.keymap.keys.find((each) => each.action === action);
    return entry ? R.el('kbd', { 'aria-hidden': 'true' }, R.cap(entry.keys[0])) : null;
  };
  R.keyName = (action) => {
    const entry = R.keymap.keys.find((each) => each.action === action);
    return entry ? entry.keys[0].replace('Shift+', 'Shift+') : undefined;
  };
  // A button that does what its key does. What the mouse clicked does not keep the focus: Enter is for submitting.
  R.button = (action, text, props = {}) => R.el('button.rate-button', {
    type: 'button', 'data-action': action, 'aria-keyshortcuts': R.keyName(action),
    onclick: (event) => { if (event.detail) event.currentTarget.blur(); R.keys.act(action); }, ...props,
  }, text && R.el('span', {}, text), R.kbd(action));

  R.on = (name, listener) => (heard[name] = heard[name] || []).push(listener);
  R.emit = (name, value) => (heard[name] || []).forEach((listener) => listener(value));
  R.find = (selector) => R.root.querySelector(selector);
  R.hex = () => (crypto.randomUUID ? crypto.randomUUID().replaceAll('-', '')
    : Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(''));
  R.say = (text) => { R.find('.rate-spoken').textContent = text; };
  R.store = { // a browser may forbid its store: then nothing is kept there
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); return true; } catch { return false; } },
    drop: (key) => { try { localStorage.removeItem(key); } catch { /* nothing was kept */ } },
  };
})();
