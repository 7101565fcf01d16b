// The bar that tells the scenario, and the pane with the whole of it: what has happened in the
// pretend cluster, what comes next, and how each node is.

import { byId, fill, h } from "./dom.js";
import { get } from "./net.js";
import { onPane, pane, paneHead } from "./panes.js";
import { state } from "./store.js";
import { when } from "./times.js";

const EVERY = 1000;
const KEPT = 300; // happenings
const SIGNS = { kill: "✕", loop: "↻", well: "✓", lost: "?", back: "✓", burst: "≋", fault: "⚑" };
const STATES = {
  well: ["", "well"],
  killed: ["✕", "was OOM-killed, runs"],
  down: ["!", "flannel is down"],
  looping: ["↻", "crash-loops"],
  silent: ["?", "is silent"],
};

export const story = { counts: null, nodes: {}, happenings: [], last: 0, next: null, at: 0 };
const cells = new Map();
let parts = null;

function figure(count, one, many = `${one}s`) {
  return h("span", { class: "figure" }, h("b", {}, String(count)), ` ${count === 1 ? one : many}`);
}

function countdown() {
  if (!story.next) return "Nothing more comes by itself";
  const left = Math.max(0, story.next.in_seconds - (Date.now() / 1000 - story.at));
  return left < 1 ? "Next: now" : `Next in ${Math.round(left)} s: ${story.next.text}`;
}

function drawBar() {
  const bar = byId("scenario");
  const { counts } = story;
  bar.disabled = !counts;
  if (!counts) {
    bar.textContent = "No cluster beside this Slack";
    return;
  }
  const words = JSON.stringify([counts, story.scenario]);
  if (bar.dataset.words !== words) {
    bar.dataset.words = words;
    const silent = counts.nodes - counts.ready;
    fill(
      bar,
      h("span", { class: "plan" }, `Scenario ${story.scenario}`),
      figure(counts.nodes, "node"),
      figure(counts.oom_kills, "OOM kill"),
      figure(counts.crash_looping, "crash loop"),
      silent ? figure(silent, "silent", "silent") : null,
      h("span", { class: "next" }),
    );
  }
  const next = bar.querySelector(".next");
  if (next.textContent !== countdown()) next.textContent = countdown();
}

function drawCells() {
  for (const [name, how] of Object.entries(story.nodes)) {
    if (!cells.has(name)) {
      const cell = h("li", { class: "cell", data: { testid: `node-${name}` } }, h("span", { "aria-hidden": "true" }), h("span", { class: "hidden" }));
      cells.set(name, cell);
      parts.cells.append(cell);
    }
    const cell = cells.get(name);
    const [sign, words] = STATES[how];
    if (cell.dataset.how === how) continue;
    cell.dataset.how = how;
    cell.className = `cell ${how}`;
    cell.title = `${name}: ${words}`;
    cell.firstChild.textContent = sign;
    cell.lastChild.textContent = cell.title;
  }
}

function drawPane() {
  if (state.pane !== "story" || !story.counts) return;
  const { counts } = story;
  parts.about.textContent = story.about;
  parts.next.textContent = countdown();
  const figures = { Nodes: counts.nodes, "OOM kills": counts.oom_kills, Looping: counts.crash_looping, Down: counts.flannel_down, Silent: counts.nodes - counts.ready };
  for (const [name, count] of Object.entries(figures)) parts.figures[name].textContent = String(count);
  drawCells();
  for (const one of story.happenings.filter((h) => h.id > parts.drawn)) {
    parts.list.prepend(
      h("li", {}, when(one.at, { toTheSecond: true }), h("span", { "aria-hidden": "true" }, SIGNS[one.kind] ?? "·"), h("span", {}, one.text)),
    );
    parts.drawn = one.id;
    if (parts.list.childElementCount > KEPT) parts.list.lastChild.remove();
  }
}

async function look() {
  const told = await get(`outside/story?since=${story.last}`);
  if (told.ok) {
    if (told.last < story.last) story.last = 0;
    Object.assign(story, told, { at: Date.now() / 1000, happenings: [...story.happenings, ...told.happenings].slice(-KEPT) });
  } else if (told.alone) {
    story.counts = null;
  }
  drawBar();
  drawPane();
}

async function run() {
  if (document.visibilityState === "visible") await look();
  setTimeout(run, EVERY);
}

export function startStory() {
  const names = ["Nodes", "OOM kills", "Looping", "Down", "Silent"];
  parts = {
    drawn: 0,
    about: h("p", {}),
    next: h("p", { class: "note" }),
    figures: Object.fromEntries(names.map((name) => [name, h("dd", {}, "0")])),
    cells: h("ul", { class: "cells", "aria-label": "Nodes" }),
    list: h("ol", { class: "happenings", "aria-label": "What happened, the latest first", data: { testid: "happenings" } }),
  };
  fill(
    pane("story"),
    paneHead(h, "Scenario", parts.about, "story-close"),
    h(
      "div",
      { class: "inside", tabindex: "0", role: "region", "aria-label": "The pretend cluster" },
      parts.next,
      h("dl", { class: "figures" }, names.map((name) => h("div", {}, h("dt", {}, name), parts.figures[name]))),
      parts.cells,
      h("ul", { class: "legend", "aria-hidden": "true" }, Object.entries(STATES).map(([how, [sign, words]]) => h("li", {}, h("span", { class: `cell ${how}` }, sign), words))),
      h("h3", {}, "What happened"),
      parts.list,
    ),
  );
  onPane("story", (open) => open && drawPane());
  run();
}
