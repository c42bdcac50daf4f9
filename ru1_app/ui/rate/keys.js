// From a key to an action: what is pressed is looked up in the keymap under the scope of the moment. Text fields
// suspend the keys; Escape leaves them.
(() => {
  const R = window.ru1rate;
  const actions = (R.actions = {}); // name -> function(argument); the modules fill it in
  const FIELD = 'textarea, select, [contenteditable], input:not([type=range]):not([type=button])';
  let held = null;

  // Where the person is: a mode that took the keys, or the stage of the item.
  const scope = () => {
    const { mode, signedIn, feedback, item, lost } = R.state;
    if (mode) return mode;
    if (!signedIn) return 'signin';
    if (feedback) return 'feedback';
    if (!item || lost) return 'idle';
    return item.kind === 'pair' ? 'pair' : item.stage;
  };
  const name = (event) => {
    let { key } = event;
    if (key.length === 1 && !/^[\x20-\x7e]$/.test(key) && /^Key[A-Z]$/.test(event.code)) key = event.code.slice(3); // other alphabets
    if (/^[a-z]$/i.test(key)) return event.shiftKey ? key.toUpperCase() : key.toLowerCase(); // Caps Lock is no Shift
    return event.shiftKey && key.startsWith('Arrow') ? `Shift+${key}` : key;
  };
  const entryOf = (pressed) => R.keymap.keys.find((each) => each.keys.includes(pressed) && each.scopes.includes(scope()));
  const act = (action) => {
    const [first, argument] = action.split(/:(.*)/);
    if (actions[first]) actions[first](argument);
  };

  const press = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || !R.root.isConnected) return;
    const target = event.target.closest ? event.target : document.body;
    if (target.closest(FIELD)) {
      if (event.key === 'Escape') { event.preventDefault(); target.blur(); }
      return;
    }
    const pressed = name(event);
    if (target.closest('[type=range]') && pressed.startsWith('Arrow')) return;
    // A control that Tab has reached answers Enter and Space itself.
    if (['Enter', ' '].includes(pressed) && target.closest('button, a, summary') && target.matches(':focus-visible')) return;
    const entry = entryOf(pressed);
    if (!entry) return;
    event.preventDefault();
    if (event.repeat && !entry.repeat) return;
    if (entry.hold) { held = { code: event.code, action: entry.action }; actions[entry.action](true); } else act(entry.action);
  };
  const release = (event) => {
    if (held && (!event || event.code === held.code)) { actions[held.action](false); held = null; }
  };
  const mode = (wanted) => {
    R.state.mode = wanted;
    R.root.dataset.mode = wanted;
    R.emit('mode', wanted);
  };
  let started = false;
  const start = () => {
    if (started) return; // the page's mark-up may be mounted again; the document stays
    started = true;
    document.addEventListener('keydown', press);
    document.addEventListener('keyup', release);
    addEventListener('blur', () => release());
  };
  R.keys = { start, act, scope, mode };

  Object.assign(actions, {
    mode: (way) => R.viewer.mode(way),
    blink: (on) => { if (on !== undefined) R.viewer.blink(on); }, // its button is held, not clicked
    pan: (on) => R.gestures.space(on),
    hand: () => R.gestures.hand(),
    against: () => R.viewer.turn(),
    zoom: (way) => (way === 'fit' ? R.viewer.fit() : R.viewer.zoom(way === 'in' ? 1.25 : 0.8)),
    slide: (way) => R.viewer.slide(R.viewer.view.slide + (way === 'left' ? -5 : 5)),
    move: (way) => {
      if (R.marks.step(way)) return;
      const [x, y] = { left: [1, 0], right: [-1, 0], up: [0, 1], down: [0, -1] }[way];
      R.viewer.pan(x * 0.08 * R.viewer.pane().w, y * 0.08 * R.viewer.pane().h);
    },
    grow: (way) => R.marks.step(way, true),
    box: () => R.marks.middle(0.25),
    point: () => R.marks.middle(0),
    'mark-before': () => R.marks.next(-1),
    'mark-after': () => R.marks.next(1),
    'remove-mark': () => R.marks.remove(),
    'marks-hidden': () => R.marks.hide(),
    done: () => mode(''),
  });
})();
