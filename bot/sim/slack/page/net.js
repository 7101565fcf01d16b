// Talking to the server that served this page.

async function json(response) {
  const body = await response.json().catch(() => ({ ok: false, error: `HTTP ${response.status}` }));
  if (!response.ok && body.ok !== false) body.ok = false;
  return body;
}

export const get = async (path) => json(await fetch(`/_sim/${path}`));

export async function post(path, body) {
  try {
    return await json(
      await fetch(`/_sim/${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      }),
    );
  } catch {
    return { ok: false, error: "the server does not answer" };
  }
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
