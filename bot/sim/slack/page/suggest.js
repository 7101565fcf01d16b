// What could be typed next. Commands are those that the app's own help has told to this person;
// until somebody has asked for it, only the question itself is offered.

import { decode } from "./mrkdwn.js";
import { state } from "./store.js";

const LINE = /^(\/\S+ [^\n]*?) {2,}(\S[^\n]*)$/gm;

function told() {
  const found = new Map();
  for (const whisper of state.ephemerals.values()) {
    if (whisper.user !== state.me || !whisper.text?.includes(`${state.command} help`)) continue;
    for (const [, command, about] of whisper.text.matchAll(LINE)) found.set(decode(command), decode(about));
  }
  return found;
}

// The part of a command that is typed as it stands: before anything that is to be filled in.
const literal = (command) => command.replace(/\[[^\]]*\] ?/g, "").replace(/( ?<.*| (INC|PLAN|RUN)-n.*)$/, "").trim();

export function commands(typed) {
  const known = told();
  if (!known.size) known.set(`${state.command} help`, "Ask the app what it understands.");
  return [...known]
    .map(([command, about]) => ({ label: command, about, text: `${literal(command)} ` }))
    .filter((one) => one.text.startsWith(typed) && one.text.trim() !== typed.trim());
}

export function names(typed) {
  return [...state.users.values()]
    .filter((user) => user.name.startsWith(typed.toLowerCase()))
    .map((user) => ({ label: `@${user.name}`, about: user.is_bot ? "the app" : user.real_name, text: `@${user.name} ` }));
}

// What fits the text up to the caret, and where it would be put.
export function suggestions(text, caret) {
  const before = text.slice(0, caret);
  if (before.startsWith("/")) return { from: 0, found: commands(before) };
  const mention = /(^|\s)@([\w.-]*)$/.exec(before);
  return mention ? { from: caret - mention[2].length - 1, found: names(mention[2]) } : { from: 0, found: [] };
}
