// The one place that speaks to screen readers of its own accord. New messages are told in a line;
// edits of live cards are not told, or nobody would hear anything else.

import { byId } from "./dom.js";
import { decode } from "./mrkdwn.js";
import { state } from "./store.js";

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

// References as a person would say them.
function named(_, sign, target, label) {
  if (label) return sign === "@" || sign === "#" ? `${sign}${label}` : label;
  if (sign === "@") return `@${state.users.get(target)?.real_name ?? target}`;
  return sign === "#" ? `#${state.channels.get(target)?.name ?? target}` : target;
}

export function brief(text) {
  const line = decode(text.split("\n").slice(0, 2).join(", ").replace(/<([@#!]?)([^|>]*)(?:\|([^>]*))?>/g, named));
  return line.length > 140 ? `${line.slice(0, 140)}…` : line;
}
