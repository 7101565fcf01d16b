// What the app shows beside messages: its home tab and its modals.

import { why } from "./actions.js";
import { blocks } from "./blocks.js";
import { byId, fill, h } from "./dom.js";
import { complain, missing, values } from "./inputs.js";
import { morph } from "./morph.js";
import { plain } from "./mrkdwn.js";
import { get, inTurn, post } from "./net.js";
import { changed, state } from "./store.js";

// A window of the app lives in the page in which it was opened: what stood open before this page
// was loaded is not shown in it, as in Slack.
let before = null;

export const learnViews = inTurn(async () => {
  const user = state.me;
  const found = await get(`views?user=${user}`);
  if (!found.ok || user !== state.me) return;
  before ??= new Set(found.modals.map((view) => view.id));
  state.views = { home: found.home, modals: found.modals.filter((view) => !before.has(view.id)) };
  changed();
  drawModal();
});

// Opening the home is told to the app, which then publishes it.
export const openHome = () => post("home", { user: state.me });

export function drawHome() {
  const { home } = state.views;
  const nothing = state.tab === "home" ? "The app has published no home for you yet. It is asked to each time you open this tab." : "Nothing was said here yet.";
  const shown = h("div", {}, home && state.tab === "home" ? blocks({ ...home, view_id: home.id }) : h("p", { class: "note" }, nothing));
  const present = byId("home").firstElementChild;
  if (present) morph(present, shown);
  else byId("home").append(shown);
}

let open = null; // the view that is shown

function head(view) {
  return h(
    "header",
    { class: "dialog-head" },
    h("h2", { id: "modal-title" }, plain(view.title.text)),
    h("button", { type: "button", class: "close", "aria-label": "Close", on: { click: dismiss } }, h("span", { "aria-hidden": "true" }, "✕")),
  );
}

function foot(view) {
  return h(
    "footer",
    { class: "dialog-foot" },
    h("button", { type: "button", class: "button", on: { click: dismiss } }, plain(view.close?.text ?? "Cancel")),
    view.submit ? h("button", { type: "submit", class: "button primary", data: { testid: "modal-submit" } }, plain(view.submit.text)) : null,
  );
}

function drawModal() {
  const dialog = byId("modal");
  const view = state.views.modals.at(-1);
  if (!view) {
    open = null;
    if (dialog.open) dialog.close();
    return;
  }
  if (open?.id === view.id && open.hash === view.hash) return;
  const body = h("div", { class: "dialog-body" }, blocks({ ...view, view_id: view.id }));
  if (open?.id === view.id) {
    morph(dialog.querySelector(".dialog-body"), body);
    dialog.querySelector("#modal-title").replaceChildren(...plain(view.title.text));
    dialog.querySelector(".dialog-foot").replaceWith(foot(view)); // a window may get its button later
  } else {
    const form = h("form", { novalidate: true, on: { submit } }, head(view), body, foot(view));
    fill(dialog, form);
  }
  open = view;
  dialog.setAttribute("aria-labelledby", "modal-title");
  if (dialog.open) return;
  dialog.showModal();
  dialog.querySelector(".dialog-body :is(input, select, textarea)")?.focus();
}

async function submit(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const left = missing(form);
  complain(form, left);
  if (Object.keys(left).length) return;
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  const answer = await post("view_submit", { user: state.me, view_id: open.id, values: values(form) });
  button.disabled = false;
  complain(form, answer.response?.errors ?? {});
  form.querySelector(".failed")?.remove();
  if (answer.ok && answer.acked) return;
  form.querySelector(".dialog-body").append(h("p", { class: "failed", role: "alert" }, why(answer)));
}

async function dismiss() {
  const view = open;
  if (view) await post("view_close", { user: state.me, view_id: view.id });
}

export function startViews() {
  byId("modal").addEventListener("cancel", (event) => {
    event.preventDefault();
    dismiss();
  });
}
