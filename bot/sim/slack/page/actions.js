// Buttons and menus of messages and views: what is used is sent as Slack would, and nothing
// fails silently.

import { confirmed } from "./confirm.js";
import { h, link } from "./dom.js";
import { chosen, control } from "./inputs.js";
import { menuButton } from "./menu.js";
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
  const attributes = { label: "More actions", testid: `action-${element.action_id}`, classes: "button overflow-button", version: version(source, block, element) };
  return menuButton(attributes, () =>
    element.options.map((option) => [
      plain(option.text.text),
      (opener) => {
        if (option.url) window.open(option.url, "_blank", "noopener,noreferrer");
        use(opener, { source, block, element, value: option.value });
      },
    ]),
  );
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
