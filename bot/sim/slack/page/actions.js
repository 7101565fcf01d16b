// Buttons and menus of messages and views: what is used is sent as Slack would, and nothing
// fails silently.

import { confirmed } from "./confirm.js";
import { h, link } from "./dom.js";
import { chosen, control } from "./inputs.js";
import { plain } from "./mrkdwn.js";
import { post } from "./net.js";
import { state } from "./store.js";

const REASONS = {
  operation_timeout: "The app did not answer in time.",
  dispatch_failed: "The app is not connected.",
};

export const why = (answer) => REASONS[answer.error] ?? `This did not work: ${answer.message ?? answer.error}`;

export async function use(used, { source, block, element, value }) {
  if (!(await confirmed(element.confirm, used))) return;
  used.setAttribute("aria-busy", "true");
  used.disabled = true;
  const where = source.view_id ? { view_id: source.view_id } : { channel: source.channel, ts: source.ts };
  const answer = await post("click", {
    user: state.me,
    ...where,
    action_id: element.action_id,
    block_id: block.block_id,
    value,
  });
  used.removeAttribute("aria-busy");
  used.disabled = false;
  const holder = used.closest(".block");
  holder?.querySelector(".failed")?.remove();
  if (answer.ok && answer.acked) return;
  holder?.append(h("p", { class: "failed", role: "alert" }, why(answer)));
}

// All that the listeners of a control know; see `morph`.
const version = (source, block, element) => JSON.stringify([source.view_id ?? source.ts, block.block_id, element]);

function button(source, block, element) {
  const attributes = {
    class: `button ${element.style ?? ""}`.trim(),
    "aria-label": element.accessibility_label,
    data: { testid: `action-${element.action_id}`, v: version(source, block, element) },
  };
  const sent = (event) => use(event.currentTarget, { source, block, element, value: element.value });
  if (!element.url) return h("button", { type: "button", ...attributes, on: { click: sent } }, plain(element.text.text));
  const opened = link(element.url, plain(element.text.text));
  opened.className = attributes.class;
  Object.assign(opened.dataset, attributes.data);
  opened.addEventListener("click", sent);
  return opened;
}

function overflow(source, block, element) {
  const holder = h("div", { class: "menu-holder", data: { v: version(source, block, element) } });
  const opener = h(
    "button",
    { type: "button", class: "button overflow-button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": "More actions", data: { testid: `action-${element.action_id}` } },
    h("span", { "aria-hidden": "true" }, "⋯"),
  );
  let list = null;
  const close = (refocus) => {
    const closing = list;
    list = null; // removing what has the focus calls here again
    closing?.remove();
    opener.setAttribute("aria-expanded", "false");
    if (refocus) opener.focus();
  };
  const pick = (option) => () => {
    close(true);
    if (option.url) window.open(option.url, "_blank", "noopener,noreferrer");
    use(opener, { source, block, element, value: option.value });
  };
  opener.addEventListener("click", () => {
    if (list) return close(true);
    const options = element.options.map((option) =>
      h("button", { type: "button", role: "menuitem", tabindex: "-1", on: { click: pick(option) } }, plain(option.text.text)),
    );
    list = h("div", { class: "options", role: "menu", "aria-label": "More actions" }, options);
    holder.append(list);
    opener.setAttribute("aria-expanded", "true");
    options[0].focus();
  });
  holder.addEventListener("keydown", (event) => {
    const options = [...holder.querySelectorAll("[role=menuitem]")];
    if (!options.length) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) options[(options.indexOf(document.activeElement) + step + options.length) % options.length].focus();
    if (event.key === "Escape") close(true);
    if (!step && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
  });
  holder.addEventListener("focusout", (event) => !holder.contains(event.relatedTarget) && close(false));
  holder.append(opener);
  return holder;
}

function menu(source, block, element) {
  const made = control(element, { label: element.placeholder?.text ?? "Choose", classes: "button select" });
  made.dataset.testid = `action-${element.action_id}`;
  made.dataset.v = version(source, block, element);
  made.addEventListener("change", () => {
    const value = chosen(made);
    if (value) use(made, { source, block, element, value });
  });
  return made;
}

export function interactive(source, block, element) {
  if (element.type === "button" || element.type === "workflow_button") return button(source, block, element);
  return element.type === "overflow" ? overflow(source, block, element) : menu(source, block, element);
}
