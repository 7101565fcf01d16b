// The menu of a message: the app's shortcut, and what people do with messages.

import { why } from "./actions.js";
import { asked, confirmed } from "./confirm.js";
import { h } from "./dom.js";
import { menuButton } from "./menu.js";
import { post } from "./net.js";
import { state } from "./store.js";

async function act(path, message, opener, more = {}) {
  const answer = await post(path, { user: state.me, channel: message.channel, ts: message.ts, ...more });
  const holder = opener.closest(".message")?.querySelector(".body");
  holder?.querySelector(":scope > .failed")?.remove();
  if (!answer.ok || answer.acked === false) holder?.append(h("p", { class: "failed", role: "alert" }, why(answer)));
}

async function rewrite(message, opener) {
  const text = await asked("Edit message", message.text, opener);
  if (text) await act("edit", message, opener, { text });
}

async function erase(message, opener) {
  const words = (text) => ({ text });
  const sure = { title: words("Delete this message?"), text: words("Everybody loses it."), confirm: words("Delete"), deny: words("Keep"), style: "danger" };
  if (await confirmed(sure, opener)) await act("delete", message, opener);
}

const address = ({ channel, ts }) => `${location.origin}/archives/${channel}/p${ts.replace(".", "")}`;

export function more(message) {
  return menuButton({ label: "More", testid: `more-${message.ts}`, classes: "reply", version: `${message.ts} ${message.text}` }, () => [
    ...state.shortcuts.map(({ name, callback_id }) => [name, (opener) => act("shortcut", message, opener, { callback_id })]),
    ["React with 👀", (opener) => act("react", message, opener, { emoji: "eyes" })],
    ["Copy link", () => navigator.clipboard?.writeText(address(message))],
    ...(message.user === state.me ? [["Edit…", (opener) => rewrite(message, opener)], ["Delete…", (opener) => erase(message, opener)]] : []),
  ]);
}
