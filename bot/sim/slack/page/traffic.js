// What goes over the wire, in both directions: each call, envelope and acknowledgement with its
// JSON, and what the bot asks the Kubernetes API. Read only while somebody looks.

import { fill, h } from "./dom.js";
import { get } from "./net.js";
import { onPane, pane, paneHead } from "./panes.js";
import { state } from "./store.js";
import { seconds, when } from "./times.js";

const SHOWN = 400;
const EVERY = 1000;

const sources = {
  Slack: { path: "requests", id: (e) => e.id, known: new Map(), since: 0, row: ofSlack, ongoing: (e) => e.kind === "web_api" && e.status === null },
  Kubernetes: { path: "outside/requests", id: (e) => e.seq, known: new Map(), since: 0, row: ofCluster, ongoing: () => false },
};
let source = "Slack";
let paused = false;
let filter = "";
let list, note, timer;

const label = { web_api: "→", response_url: "→", upload: "→", envelope: "←", webhook: "←", ack: "→", link: "·" };

function ofSlack(e) {
  const payload = e.body?.payload ?? e.body ?? {};
  const detail = {
    web_api: () => [e.method, e.args?.channel ?? ""],
    response_url: () => ["response_url", e.path?.split("/").at(-1)?.slice(0, 8) ?? ""],
    envelope: () => [e.type, payload.command ? `${payload.command} ${payload.text ?? ""}` : (payload.event?.type ?? payload.actions?.[0]?.action_id ?? payload.type ?? "")],
    webhook: () => [e.type, payload.event?.type ?? payload.command ?? ""],
    upload: () => ["upload", `${e.size} bytes`],
    ack: () => ["acknowledged", e.envelope_id?.slice(0, 8) ?? ""],
    link: () => [`connection ${e.event}`, e.reason ?? ""],
  }[e.kind]?.() ?? [e.kind, ""];
  const bad = e.ok === false || e.error || e.known === false || e.event === "refused" || e.status >= 400;
  const result = e.error ?? (e.kind === "ack" && e.known === false ? "unknown" : (e.status ?? ""));
  return { at: e.at, way: label[e.kind] ?? "·", name: detail[0], more: detail[1], bad, result, took: e.seconds ?? e.after };
}

function ofCluster(e) {
  return { at: Date.parse(e.time) / 1000, way: "→", name: `${e.verb || e.method} ${e.resource || e.path}`, more: [e.namespace, e.name].filter(Boolean).join("/") || e.query, bad: e.status >= 400, result: e.status || "…", took: undefined };
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(button.nextElementSibling);
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = "Copy"), 1500);
}

function body(entry) {
  const text = JSON.stringify(entry, null, 2);
  const button = h("button", { type: "button", class: "plain", data: { testid: "copy-json" }, on: { click: () => copy(text, button) } }, "Copy");
  return h("div", { class: "json" }, button, h("pre", { tabindex: "0", "aria-label": "JSON" }, text));
}

function element(entry) {
  const row = sources[source].row(entry);
  const directions = { "→": "by the bot", "←": "to the bot", "·": "" };
  return h(
    "details",
    {
      data: { testid: `wire-${row.name}`, words: JSON.stringify(entry).toLowerCase() },
      on: { toggle: (event) => event.target.open && event.target.childElementCount === 1 && event.target.append(body(entry)) },
    },
    h(
      "summary",
      {},
      when(row.at, { toTheSecond: true }),
      h("span", { title: directions[row.way] }, h("span", { "aria-hidden": "true" }, row.way), h("span", { class: "hidden" }, directions[row.way])),
      h("span", { class: "what" }, row.name, " ", h("span", {}, row.more)),
      h("span", { class: row.bad ? "bad" : "" }, row.bad ? "✕ " : "", String(row.result)),
      h("span", { class: "ms" }, row.took === undefined ? "" : seconds(row.took)),
    ),
  );
}

// The time between an envelope and its acknowledgement is what Slack judges an app by.
function pair(known) {
  const sent = new Map();
  for (const { entry } of known.values()) {
    if (entry.kind === "envelope" && !sent.has(entry.envelope_id)) sent.set(entry.envelope_id, entry.at);
    if (entry.kind === "ack" && sent.has(entry.envelope_id)) entry.after ??= entry.at - sent.get(entry.envelope_id);
  }
}

function narrow() {
  for (const row of list.children) row.hidden = !row.dataset.words.includes(filter);
}

async function look() {
  const now = sources[source];
  const name = source;
  const answer = await get(`${now.path}?since=${now.since}`);
  if (name !== source) return;
  if ((answer.next ?? answer.last ?? now.since) < now.since) return afresh(now);
  note.textContent = answer.requests ? "" : (answer.error ?? "no answer");
  const entries = (answer.requests ?? []).slice(-SHOWN);
  const nearEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  for (const entry of entries) {
    const present = now.known.get(now.id(entry));
    if (present && !present.ongoing) continue;
    now.known.set(now.id(entry), { entry, ongoing: now.ongoing(entry), element: null, old: present?.element });
  }
  pair(now.known);
  for (const one of now.known.values()) {
    if (one.element) continue;
    one.element = element(one.entry);
    if (one.old?.isConnected) one.old.replaceWith(one.element);
    else list.append(one.element);
  }
  // What has not ended yet is asked for again.
  const ongoing = [...now.known.values()].filter((one) => one.ongoing).map((one) => now.id(one.entry));
  const last = Math.max(0, ...now.known.keys());
  now.since = ongoing.length ? Math.min(...ongoing) - 1 : last;
  for (const key of [...now.known.keys()].slice(0, -SHOWN)) {
    now.known.get(key).element?.remove();
    now.known.delete(key);
  }
  narrow();
  if (nearEnd) list.scrollTop = list.scrollHeight;
}

// A server that counts from the beginning again has forgotten what was.
function afresh(now) {
  now.known.clear();
  now.since = 0;
  list.replaceChildren();
}

async function run() {
  if (state.pane !== "traffic") return;
  if (!paused && document.visibilityState === "visible") await look();
  timer = setTimeout(run, EVERY);
}

function choose(name, buttons) {
  source = name;
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.textContent === name));
  fill(list, [...sources[name].known.values()].map((one) => one.element));
  look();
}

export function startTraffic() {
  note = h("p", { class: "hint bad", role: "status" });
  list = h("div", { class: "inside wire", tabindex: "0", role: "region", "aria-label": "What went over the wire", data: { testid: "wire" } });
  const buttons = Object.keys(sources).map((name) =>
    h("button", { type: "button", class: "plain", "aria-pressed": String(name === source), data: { testid: `traffic-${name}` }, on: { click: () => choose(name, buttons) } }, name),
  );
  const pause = h("button", {
    type: "button",
    class: "plain",
    "aria-pressed": "false",
    on: { click: () => pause.setAttribute("aria-pressed", String((paused = !paused))) },
  }, "Pause");
  const search = h("input", {
    type: "search",
    class: "text",
    placeholder: "Filter",
    "aria-label": "Filter traffic",
    data: { testid: "traffic-filter" },
    on: { input: () => ((filter = search.value.toLowerCase()), narrow()) },
  });
  fill(
    pane("traffic"),
    paneHead(h, "Traffic", h("p", {}, "Every call, envelope and acknowledgement"), "traffic-close"),
    h("div", { class: "filter" }, search, h("div", { class: "choices", role: "group", "aria-label": "Between the bot and" }, buttons), pause),
    note,
    list,
  );
  onPane("traffic", (open) => {
    clearTimeout(timer);
    if (open) run();
  });
}
