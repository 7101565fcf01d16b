// Slack's "are you sure?", as a true modal: Escape means no.

import { byId, fill, h } from "./dom.js";
import { mrkdwn, plain } from "./mrkdwn.js";

const words = (object, otherwise) => plain(object?.text ?? otherwise);

// A text to change; null when one thinks better of it.
export function asked(title, text, opener) {
  const dialog = byId("confirm");
  const field = h("textarea", { class: "text", rows: 4, "aria-label": title, data: { testid: "asked" } });
  field.value = text;
  return new Promise((resolve) => {
    let answer = null;
    const close = (given) => () => {
      answer = given ? field.value.trim() : null;
      dialog.close();
    };
    fill(
      dialog,
      h("h2", { id: "confirm-title" }, title),
      field,
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", class: "button", on: { click: close(false) } }, "Cancel"),
        h("button", { type: "button", class: "button primary", on: { click: close(true) } }, "Save"),
      ),
    );
    dialog.setAttribute("aria-labelledby", "confirm-title");
    dialog.removeAttribute("aria-describedby");
    dialog.onclose = () => {
      opener.focus?.();
      resolve(answer);
    };
    dialog.showModal();
    field.focus();
  });
}

export function confirmed(object, opener) {
  if (!object) return Promise.resolve(true);
  const dialog = byId("confirm");
  const body = object.text?.type === "mrkdwn" ? mrkdwn(object.text.text) : words(object.text, "");
  return new Promise((resolve) => {
    let answer = false;
    const close = (given) => () => {
      answer = given;
      dialog.close();
    };
    fill(
      dialog,
      h("h2", { id: "confirm-title" }, words(object.title, "Are you sure?")),
      h("p", { id: "confirm-text" }, body),
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", class: "button", data: { testid: "confirm-no" }, on: { click: close(false) } }, words(object.deny, "Cancel")),
        h(
          "button",
          { type: "button", class: `button ${object.style ?? "primary"}`, data: { testid: "confirm-yes" }, on: { click: close(true) } },
          words(object.confirm, "Yes"),
        ),
      ),
    );
    dialog.setAttribute("aria-labelledby", "confirm-title");
    dialog.setAttribute("aria-describedby", "confirm-text");
    dialog.onclose = () => {
      opener.focus?.();
      resolve(answer);
    };
    dialog.showModal();
  });
}
