// The column at the right shows one pane at a time. Escape closes it, and the focus goes back to
// whatever opened it.

import { byId } from "./dom.js";
import { changed, state } from "./store.js";

const openers = new Map();
const listeners = new Map();

export const pane = (name) => byId(`pane-${name}`);

export function onPane(name, listener) {
  listeners.set(name, listener);
}

export function openPane(name, opener = document.activeElement) {
  if (state.pane && state.pane !== name) leave(state.pane);
  if (state.pane !== name) openers.set(name, opener);
  state.pane = name;
  state.thread = name === "thread" ? state.thread : null;
  draw();
  listeners.get(name)?.(true);
  changed();
}

function leave(name) {
  listeners.get(name)?.(false);
}

export function closePane({ refocus = true } = {}) {
  const name = state.pane;
  if (!name) return;
  leave(name);
  state.pane = null;
  state.thread = null;
  draw();
  changed();
  const opener = openers.get(name);
  if (!refocus) return;
  const again = opener?.isConnected ? opener : document.querySelector(`[data-testid="${opener?.dataset?.testid}"]`);
  again?.focus();
}

export function togglePane(name, opener) {
  if (state.pane === name) closePane();
  else {
    openPane(name, opener);
    queueMicrotask(() => pane(name).querySelector("input, button:not(.close), [tabindex='0']")?.focus());
  }
}

function draw() {
  for (const name of ["thread", "faults", "traffic", "story"]) {
    pane(name).hidden = state.pane !== name;
    for (const opener of document.querySelectorAll(`[data-pane="${name}"]`)) {
      opener.setAttribute("aria-expanded", String(state.pane === name));
    }
  }
  document.body.classList.toggle("with-pane", Boolean(state.pane));
  document.body.classList.toggle("with-wide", Boolean(state.pane) && state.pane !== "thread");
}

export function startPanes() {
  for (const opener of document.querySelectorAll("[data-pane]")) {
    opener.addEventListener("click", () => togglePane(opener.dataset.pane, opener));
  }
}

export function paneHead(h, title, detail, testid) {
  return h(
    "header",
    { class: "bar" },
    h("div", { class: "bar-text" }, h("h2", {}, title), detail),
    h(
      "button",
      { type: "button", class: "close", "aria-label": `Close ${title.toLowerCase()}`, title: "Close (Esc)", data: { testid }, on: { click: () => closePane() } },
      h("span", { "aria-hidden": "true" }, "✕"),
    ),
  );
}
