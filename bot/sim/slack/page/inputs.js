// What one can fill in: the elements of input blocks, and the menus that messages share with them.
// Each control can `read` itself into what a view's state carries.

import { use } from "./actions.js";
import { text } from "./blocks.js";
import { h } from "./dom.js";
import { plain } from "./mrkdwn.js";
import { state } from "./store.js";

const readers = new WeakMap();

const people = () => [...state.users.values()].map((user) => ({ value: user.id, text: { text: user.real_name } }));
const places = () => [...state.channels.values()].filter((c) => !c.is_im).map((c) => ({ value: c.id, text: { text: `#${c.name}` } }));

function select(element, { label, classes = "" }) {
  const several = element.type.startsWith("multi_");
  const kind = element.type.replace(/^multi_/, "").replace(/_select$/, "");
  const lists = { users: people, channels: places, conversations: places };
  const groups = element.option_groups ?? [{ options: lists[kind]?.() ?? element.options ?? [] }];
  const options = groups.flatMap((group) => group.options);
  const initial = [element.initial_option, ...(element.initial_options ?? [])].filter(Boolean).map((o) => o.value);
  initial.push(element[`initial_${kind.replace(/s$/, "")}`], ...(element[`initial_${kind}`] ?? []));
  const one = (option) => h("option", { value: option.value, selected: initial.includes(option.value) }, plain(option.text.text, { names: false }));
  const made = h(
    "select",
    { class: classes, "aria-label": label, multiple: several, size: several ? Math.min(6, options.length) : null },
    several ? null : h("option", { value: "" }, element.placeholder?.text ?? "Choose"),
    groups.flatMap((group) => (group.label ? h("optgroup", { label: group.label.text }, group.options.map(one)) : group.options.map(one))),
  );
  const known = kind === "static" || kind === "external";
  const name = known ? "option" : kind.replace(/s$/, "");
  readers.set(made, () => {
    const picked = [...made.selectedOptions].map((o) => o.value).filter(Boolean);
    const values = known ? picked.map((value) => options.find((option) => option.value === value)) : picked;
    return several ? { [`selected_${name}s`]: values } : { [`selected_${name}`]: values[0] ?? null };
  });
  return made;
}

function choices(element, { label }) {
  const several = element.type === "checkboxes";
  const initial = [element.initial_option, ...(element.initial_options ?? [])].filter(Boolean).map((o) => o.value);
  const name = `choice-${crypto.randomUUID()}`;
  const boxes = element.options.map((option) => [
    h("input", { type: several ? "checkbox" : "radio", name, value: option.value, checked: initial.includes(option.value) }),
    option,
  ]);
  const made = h(
    "div",
    { role: several ? "group" : "radiogroup", "aria-label": label },
    boxes.map(([box, option]) =>
      h("label", { class: "choice" }, box, h("span", {}, text(option.text), option.description ? h("small", {}, text(option.description)) : null)),
    ),
  );
  readers.set(made, () => {
    const picked = boxes.filter(([box]) => box.checked).map(([, option]) => option);
    return several ? { selected_options: picked } : { selected_option: picked[0] ?? null };
  });
  return made;
}

const PICKERS = { datepicker: ["date", "selected_date"], timepicker: ["time", "selected_time"], datetimepicker: ["datetime-local", "selected_date_time"] };
const TYPED = { number_input: "number", email_text_input: "email", url_text_input: "url" };

function field(element, { label }) {
  const [type, name] = PICKERS[element.type] ?? [TYPED[element.type] ?? "text", "value"];
  const made = h(element.multiline ? "textarea" : "input", {
    type: element.multiline ? null : type,
    class: "text",
    "aria-label": label,
    placeholder: element.placeholder?.text,
    minlength: element.min_length,
    maxlength: element.max_length,
    step: element.type === "number_input" && element.is_decimal_allowed ? "any" : null,
  });
  made.value = element.initial_value ?? element.initial_date ?? element.initial_time ?? "";
  readers.set(made, () => {
    const value = made.value === "" ? null : made.value;
    return { [name]: element.type === "datetimepicker" && value ? Math.round(new Date(value) / 1000) : value };
  });
  return made;
}

export function control(element, options) {
  if (element.type === "checkboxes" || element.type === "radio_buttons") return choices(element, options);
  return element.type.endsWith("_select") ? select(element, options) : field(element, options);
}

// The value that was picked last, as a click carries it.
export function chosen(made) {
  const read = Object.values(readers.get(made)())[0];
  const last = Array.isArray(read) ? read.at(-1) : read;
  return typeof last === "object" ? last?.value : String(last ?? "");
}

export function input(block, source) {
  const { element } = block;
  const made = control(element, { label: block.label.text });
  Object.assign(made.dataset, { testid: `input-${element.action_id}`, reads: element.action_id, block: block.block_id, type: element.type, v: JSON.stringify([block.block_id, element]) });
  made.dataset.required = block.optional ? "" : "yes";
  if (block.dispatch_action) made.addEventListener("change", () => use(made, { source, block, element, value: chosen(made) }));
  const words = [text(block.label), block.optional ? h("span", { class: "optional" }, " (optional)") : null];
  const group = made.matches("[role$=group]");
  return h(
    "div",
    { class: "input" },
    group ? h("fieldset", {}, h("legend", {}, words), made) : h("label", {}, h("span", {}, words), made),
    block.hint ? h("p", { class: "help" }, text(block.hint)) : null,
  );
}

// The state of a view: block, action, and what was entered.
export function values(form) {
  const found = {};
  for (const made of form.querySelectorAll("[data-reads]")) {
    const { reads, block, type } = made.dataset;
    (found[block] ??= {})[reads] = { type, ...readers.get(made)() };
  }
  return found;
}

// The blocks that must be filled in and are not.
export function missing(form) {
  const left = [...form.querySelectorAll("[data-required='yes']")].filter((made) => {
    const value = Object.values(readers.get(made)())[0];
    return value === null || value.length === 0;
  });
  return Object.fromEntries(left.map((made) => [made.dataset.block, "Please fill this in."]));
}

export function complain(form, errors) {
  for (const wrong of form.querySelectorAll(".wrong")) wrong.remove();
  let first = null;
  for (const made of form.querySelectorAll("[data-reads]")) {
    const words = errors[made.dataset.block];
    made.toggleAttribute("aria-invalid", false);
    if (!words) continue;
    made.setAttribute("aria-invalid", "true");
    made.closest(".input").append(h("p", { class: "wrong", role: "alert" }, words));
    first ??= made;
  }
  (first?.querySelector("input") ?? first)?.focus();
}
