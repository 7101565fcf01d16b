// The switches that break and heal the pretend outside. They are what the control says there is.

import { byId, fill, h } from "./dom.js";
import { erase, get, put } from "./net.js";
import { onPane, pane, paneHead } from "./panes.js";
import { state } from "./store.js";
import { story } from "./story.js";

const NUMBERS = new Set(["seconds", "times", "retry_after", "status"]);
const rows = new Map(); // name -> {row, draw}
let base = "outside/faults";
let list = null;
let words = "";

const group = (name, fault) => {
  if (fault.of === "slack") return "Slack";
  return /^(api_|watch_|bad_object)/.test(name) ? "Kubernetes API" : "Machines and pods";
};

// What stands between backticks is a parameter's name.
const quoted = (text) => (text ?? "").split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));

const title = (name) => name.replaceAll("_", " ");

// One answer of two shapes: of the common control, or of this Slack when it is alone.
async function ask() {
  const both = await get("outside/faults");
  if (both.faults) return ((base = "outside/faults"), both.faults);
  const own = await get("faults");
  if (!own.ok) return null;
  base = "faults";
  const on = new Map(own.faults.map((fault) => [fault.name, fault]));
  return Object.fromEntries(
    Object.entries(own.known).map(([name, known_params]) => [
      name,
      { of: "slack", about: own.about[name], active: on.has(name), params: on.get(name)?.params ?? {}, known_params },
    ]),
  );
}

function field(name, value) {
  const id = `param-${crypto.randomUUID()}`;
  const made =
    typeof value === "boolean"
      ? h("input", { type: "checkbox", id, checked: value })
      : h("input", { type: typeof value === "number" || NUMBERS.has(name) ? "number" : "text", step: "any", id, class: "text", placeholder: value === undefined ? "as it likes" : null, value });
  made.dataset.param = name;
  return [h("label", { for: id }, title(name)), made];
}

function given(row, fault) {
  const params = {};
  for (const made of row.querySelectorAll("[data-param]")) {
    if (made.type === "checkbox") params[made.dataset.param] = made.checked;
    else if (made.value !== "") params[made.dataset.param] = made.type === "number" ? Number(made.value) : made.value;
  }
  const nodes = [...row.querySelectorAll("[data-node]:checked")].map((box) => box.dataset.node);
  return fault.of === "slack" ? { params } : { nodes, params };
}

function picker() {
  const names = Object.keys(story.nodes ?? {});
  const boxes = names.map((name) => h("label", {}, h("input", { type: "checkbox", data: { node: name } }), name));
  const narrow = (event) => boxes.forEach((box, index) => (box.hidden = !names[index].includes(event.target.value)));
  return h(
    "div",
    { class: "nodes-picker", role: "group", "aria-label": "Nodes" },
    h("input", { type: "search", class: "text", placeholder: "Filter nodes; none chosen: it chooses itself", "aria-label": "Filter nodes", on: { input: narrow } }),
    h("div", { class: "nodes-list", tabindex: "0", role: "group", "aria-label": "Nodes to strike" }, boxes),
  );
}

function options(row, name, fault) {
  const params = fault.default_params ?? Object.fromEntries((fault.known_params ?? []).map((key) => [key, undefined]));
  const wanted = Object.entries(params).length > 0 || fault.by_node;
  if (!wanted) return null;
  const inside = h("div", { class: "params" });
  return h(
    "details",
    {
      on: {
        toggle: (event) => {
          if (!event.target.open || inside.childElementCount) return;
          fill(inside, Object.entries(params).map(([key, value]) => field(key, value)), fault.by_node ? picker() : null);
        },
      },
    },
    h("summary", { data: { testid: `fault-options-${name}` } }, "Options", h("span", { class: "hidden" }, ` of ${title(name)}`)),
    inside,
  );
}

function make(name, first) {
  let fault = first;
  const state = h("span", { class: "state" });
  const toggle = h(
    "button",
    {
      type: "button",
      role: "switch",
      class: "switch",
      "aria-label": title(name),
      data: { testid: `fault-${name}` },
      on: {
        click: async () => {
          toggle.setAttribute("aria-busy", "true");
          const answer = await (fault.active ? erase(`${base}/${name}`) : put(`${base}/${name}`, given(row, fault)));
          toggle.removeAttribute("aria-busy");
          row.querySelector(".failed")?.remove();
          if (answer.ok === false || answer.error) row.append(h("p", { class: "failed", role: "alert" }, answer.error));
          await drawFaults();
        },
      },
    },
  );
  const row = h(
    "li",
    { class: "fault" },
    h("div", { class: "fault-head" }, h("b", {}, title(name)), toggle, h("p", {}, quoted(first.about), " ", state)),
  );
  const more = options(row, name, first);
  if (more) row.append(more);
  const draw = (now) => {
    fault = now;
    row.classList.toggle("on", fault.active);
    toggle.setAttribute("aria-checked", String(fault.active));
    toggle.textContent = fault.active ? "on" : "off";
    const where = fault.nodes?.length ? `on ${fault.nodes.slice(0, 4).join(", ")}${fault.nodes.length > 4 ? ` and ${fault.nodes.length - 4} more` : ""}` : "";
    const how = Object.entries(fault.params ?? {}).map(([key, value]) => `${key} ${value}`).join(", ");
    state.textContent = fault.active ? ["Active", where, how && `(${how})`].filter(Boolean).join(" ") : "";
  };
  return { row, draw };
}

async function healAll() {
  const faults = (await ask()) ?? {};
  await Promise.all(Object.entries(faults).filter(([, f]) => f.active).map(([name]) => erase(`${base}/${name}`)));
  await drawFaults();
}

function narrow() {
  const wanted = byId("faults-filter").value.toLowerCase();
  for (const { row } of rows.values()) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  for (const part of list.children) part.hidden = !part.querySelector("li.fault:not([hidden])");
}

export async function drawFaults() {
  const faults = await ask();
  const on = faults ? Object.values(faults).filter((fault) => fault.active).length : 0;
  byId("faults-on").hidden = !on;
  byId("faults-on").textContent = String(on);
  const told = faults ? (on ? `${on} active` : "nothing is broken now") : "the control does not answer";
  if (told !== words) byId("faults-note").textContent = words = told;
  if (!faults || state.pane !== "faults") return;
  byId("heal-all").disabled = !on;
  const before = rows.size;
  for (const [name, fault] of Object.entries(faults)) {
    if (!rows.has(name)) {
      rows.set(name, make(name, fault));
      section(group(name, fault)).append(rows.get(name).row);
    }
    rows.get(name).draw(fault);
  }
  // Somebody may have typed a filter before the faults were known.
  if (rows.size > before) narrow();
}

function section(name) {
  const found = [...list.querySelectorAll("ul")].find((ul) => ul.dataset.group === name);
  if (found) return found;
  const made = h("ul", { data: { group: name }, "aria-label": name });
  const order = ["Machines and pods", "Kubernetes API", "Slack"];
  const after = [...list.querySelectorAll("section")].find((other) => order.indexOf(other.dataset.group) > order.indexOf(name));
  list.insertBefore(h("section", { data: { group: name } }, h("h3", {}, name), made), after ?? null);
  return made;
}

export function startFaults() {
  list = h("div", { class: "inside" });
  fill(
    pane("faults"),
    paneHead(h, "Break things", h("p", { id: "faults-note", role: "status" }), "faults-close"),
    h(
      "div",
      { class: "filter" },
      h("input", { type: "search", class: "text", placeholder: "Filter faults", "aria-label": "Filter faults", id: "faults-filter", on: { input: narrow } }),
      h("button", { type: "button", class: "plain", id: "heal-all", disabled: true, data: { testid: "heal-all" }, on: { click: healAll } }, "Heal everything"),
    ),
    list,
  );
  onPane("faults", (open) => open && drawFaults());
  drawFaults();
  setInterval(() => document.visibilityState === "visible" && drawFaults(), 2000);
}
