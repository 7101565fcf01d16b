// The keyboard: a few single keys outside of fields, which can be switched off, and a list of them.

import { byId, fill, h } from "./dom.js";
import { keep, kept } from "./keep.js";

const SINGLE = "single-keys";
const GROUPS = {
  "Get around": [
    ["Alt ↑ / Alt ↓", "previous or next channel"],
    ["k", "to the channels"],
    ["m", "to the messages; then ↑ ↓ Home End"],
    ["Enter", "on a message: open its thread"],
    ["→", "on a message: to its buttons"],
    ["c", "to the message field"],
    ["Esc", "close what is open"],
  ],
  "Write": [
    ["Enter", "send; Shift Enter makes a new line"],
    ["↑ / ↓", "in an empty field: what was sent before"],
    ["Tab", "take the suggestion"],
  ],
  "Behind the scenes": [
    ["u", "who you are"],
    ["s", "scenario"],
    ["f", "break things"],
    ["i", "traffic"],
    ["d", "theme"],
    ["?", "this list"],
  ],
};

const typing = (element) => element?.matches("input:not([type=radio], [type=checkbox]), textarea, select");

function help() {
  const dialog = byId("help");
  const single = h("input", { type: "checkbox", id: "single-keys", checked: kept(SINGLE) !== "off" });
  single.addEventListener("change", () => keep(SINGLE, single.checked ? null : "off"));
  fill(
    dialog,
    h(
      "header",
      { class: "dialog-head" },
      h("h2", { id: "help-title" }, "Keyboard"),
      h("button", { type: "button", class: "close", "aria-label": "Close", on: { click: () => dialog.close() } }, h("span", { "aria-hidden": "true" }, "✕")),
    ),
    h(
      "dl",
      { class: "keys" },
      Object.entries(GROUPS).map(([title, keys]) => [
        h("h3", {}, title),
        ...keys.flatMap(([key, what]) => [h("dt", {}, key.split(" ").flatMap((part) => [/^[/]$/.test(part) ? " / " : h("kbd", {}, part), " "])), h("dd", {}, what)]),
      ]).flat(),
    ),
    h("p", { class: "option" }, single, h("label", { for: "single-keys" }, "Single letters are shortcuts")),
  );
  dialog.showModal();
}

export function startKeys({ single, escape, channel }) {
  byId("help-open").addEventListener("click", help);
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return escape();
    if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      return channel(event.key === "ArrowUp" ? -1 : 1);
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "?") return help();
    if (kept(SINGLE) === "off" || !single[event.key]) return;
    event.preventDefault();
    single[event.key]();
  });
}
