// The pages' line to the service: one call, whose token is in this browser, and small helpers.
(() => {
  const TOKEN = 'ru1.rate.token'; // the rating page signs in, and keeps it under this key
  const R = (window.ru1 = window.ru1 || {});
  R.token = {
    get: () => { try { return localStorage.getItem(TOKEN) || ''; } catch { return ''; } },
    set: (value) => { try { localStorage.setItem(TOKEN, value); } catch { /* then it lasts as long as the page */ } },
    drop: () => { try { localStorage.removeItem(TOKEN); } catch { /* nothing was kept */ } },
  };
  // The path under which the app is mounted, on this origin: never another one.
  R.root = () => {
    const given = (window.gradio_config && window.gradio_config.root) || location.href.replace(/\/(cases|export|lead|rate)?\/?([?#].*)?$/, '');
    return new URL(given, location.href).pathname.replace(/\/$/, '');
  };
  R.call = async (name, ...data) => {
    let reply;
    try {
      reply = await fetch(`${R.root()}/gradio_api/run/${name}`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ data }),
      });
    } catch {
      throw new Error('No connection to the server. Try again in a moment.');
    }
    const text = await reply.json().catch(() => ({}));
    if (!reply.ok || !text.data) throw new Error('Something unexpected went wrong on the server. Try again.');
    const [result] = text.data;
    if (result && result.error) throw Object.assign(new Error(result.error.message), { kind: result.error.kind });
    return result;
  };
  // make('button.x', {onclick}, 'text', child): text is never markup.
  R.make = (kind, props = {}, ...children) => {
    const [tag, ...classes] = kind.split('.');
    const node = document.createElement(tag);
    if (classes.length) node.className = classes.join(' ');
    for (const [name, value] of Object.entries(props)) {
      if (name.startsWith('on')) node[name] = value;
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
    return node;
  };
  R.notice = (text, kind = 'bad') => R.make(`p.ru1-notice.ru1-${kind}`, { role: 'status' }, text);

  // /?item=ID and /?view=NAME on the main page lead to the case and to the view.
  const asked = new URLSearchParams(location.search);
  const there = location.pathname.replace(/\/$/, '');
  if ((asked.get('item') || asked.get('view')) && !/\/(cases|export|lead|rate)$/.test(there)) {
    const to = asked.get('item') ? { case: asked.get('item') } : { view: asked.get('view') };
    location.replace(`${location.origin}${there}/cases?${new URLSearchParams(to)}`);
  }
})();
