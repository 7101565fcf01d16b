// Talking to the server that served this page.

async function json(response) {
  const body = await response.json().catch(() => ({ ok: false, error: `HTTP ${response.status}` }));
  if (!response.ok && body.ok !== false) body.ok = false;
  return body;
}

async function ask(path, options) {
  try {
    return await json(await fetch(`/_sim/${path}`, options));
  } catch {
    return { ok: false, error: "the server does not answer" };
  }
}

export const get = (path) => ask(path);
export const erase = (path) => ask(path, { method: "DELETE" });

const sent = (method) => (path, body) =>
  ask(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const post = sent("POST");
export const put = sent("PUT");

// Runs `work` one at a time; asked for meanwhile, it runs once more afterwards. So an older answer
// never comes after a newer one.
export function inTurn(work) {
  let wanted = false;
  let running = false;
  return async () => {
    wanted = true;
    if (running) return;
    running = true;
    try {
      while (wanted) {
        wanted = false;
        await work();
      }
    } finally {
      running = false;
    }
  };
}

// A stream that has been away may have missed something, so every opening loads all anew.
export function stream({ opened, lost, events }) {
  const source = new EventSource("/_sim/stream");
  source.addEventListener("open", opened);
  source.addEventListener("error", lost);
  for (const [name, listener] of Object.entries(events)) {
    source.addEventListener(name, (event) => listener(JSON.parse(event.data)));
  }
}
