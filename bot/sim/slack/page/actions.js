// Buttons and menus of messages: what is used is sent as Slack would, and nothing fails silently.

import { byId, fill, h, link } from "./dom.js";
import { plain } from "./mrkdwn.js";
import { post } from "./net.js";
import { state } from "./store.js";

const REASONS = {
  operation_timeout: "The app did not answer in time.",
  dispatch_failed: "The app is not connected.",
};

// Slack's "are you sure?", as a true modal: Escape means no.
function confirmed(object, opener) {
  if (!object) return Promise.resolve(true);
  const dialog = byId("confirm");
  return new Promise((resolve) => {
    const close = (answer) => () => {
      dialog.close();
      resolve(answer);
      opener.focus();
    };
    const text = object.text?.text ?? "";
    fill(
      dialog,
      h("h2", { id: "confirm-title" }, plain(object.title?.text ?? "Are you sure?")),
      h("p", {}, plain(text)),
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", class: "button", on: { click: close(false) } }, plain(object.deny?.text ?? "Cancel")),
        h(
          "button",
          { type: "button", class: `button ${object.style ?? "primary"}`, on: { click: close(true) } },
          plain(object.confirm?.text ?? "Yes"),
        ),
      ),
    );
    dialog.setAttribute("aria-labelledby", "confirm-title");
    dialog.oncancel = () => resolve(false);
    dialog.showModal();
  });
}

async function use(control, { source, block, element, value }) {
  if (!(await confirmed(element.confirm, control))) return;
  control.setAttribute("aria-busy", "true");
  control.disabled = true;
  const answer = await post("click", {
    user: state.me,
    channel: source.channel,
    ts: source.ts,
    action_id: element.action_id,
    block_id: block.block_id,
    value,
  });
  control.removeAttribute("aria-busy");
  control.disabled = false;
  if (answer.ok && answer.acked) return;
  const words = REASONS[answer.error] ?? `This did not work: ${answer.error}`;
  const holder = control.closest(".block");
  holder?.querySelector(".failed")?.remove();
  holder?.append(h("p", { class: "failed", role: "alert" }, words));
}

function button(source, block, element) {
  const control = h(
    "button",
    {
      type: "button",
      class: `button ${element.style ?? ""}`.trim(),
      "aria-label": element.accessibility_label,
      data: { testid: `action-${element.action_id}` },
    },
    plain(element.text.text),
  );
  control.addEventListener("click", () => use(control, { source, block, element, value: element.value }));
  if (!element.url) return control;
  const opened = link(element.url, plain(element.text.text));
  opened.className = control.className;
  opened.addEventListener("click", () => use(control, { source, block, element, value: element.value }));
  return opened;
}

function choices(element) {
  if (element.type.includes("users")) {
    return [...state.users.values()].map((user) => [user.id, user.real_name]);
  }
  if (element.type.includes("channels") || element.type.includes("conversations")) {
    return [...state.channels.values()].map((channel) => [channel.id, `#${channel.name}`]);
  }
  const groups = element.option_groups ?? [{ options: element.options ?? [] }];
  return groups.flatMap((group) => group.options).map((option) => [option.value, option.text.text]);
}

function menu(source, block, element) {
  const title = element.placeholder?.text ?? (element.type === "overflow" ? "More actions" : "Choose");
  const control = h(
    "select",
    { class: `button select ${element.type}`, "aria-label": title, data: { testid: `action-${element.action_id}` } },
    h("option", { value: "" }, element.type === "overflow" ? "⋯" : title),
    choices(element).map(([value, label]) => h("option", { value }, plain(label))),
  );
  control.addEventListener("change", async () => {
    const value = control.value;
    if (value) await use(control, { source, block, element, value });
    if (element.type === "overflow") control.value = "";
  });
  return control;
}

export function interactive(source, block, element) {
  return element.type === "button" ? button(source, block, element) : menu(source, block, element);
}
