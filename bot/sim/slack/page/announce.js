// The one place that speaks to screen readers of its own accord. New messages are told in a line;
// edits of live cards are not told, or nobody would hear anything else.

import { byId } from "./dom.js";

const queue = [];
let speaking = false;

export function announce(text) {
  queue.push(text);
  if (queue.length > 3) queue.splice(0, queue.length - 2, `${queue.length - 2} more messages`);
  if (!speaking) next();
}

function next() {
  const text = queue.shift();
  speaking = text !== undefined;
  if (!speaking) return;
  byId("announcer").textContent = text;
  setTimeout(next, 800);
}

export function brief(text) {
  const line = text.replace(/<([@#!][^|>]*\|)?([^>]*)>/g, "$2").split("\n").slice(0, 2).join(", ");
  return line.length > 140 ? `${line.slice(0, 140)}…` : line;
}
