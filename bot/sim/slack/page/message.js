// One message: who, when, what, and the door to its thread.

import { attachments, blocks } from "./blocks.js";
import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { glyph } from "./glyphs.js";
import { mrkdwn } from "./mrkdwn.js";
import { state } from "./store.js";
import { relative, short, when } from "./times.js";

export function face(user, size = "") {
  if (user?.is_bot) return h("img", { src: "/page/plaid.svg", alt: "", class: `face ${size}` });
  const name = user?.real_name ?? "?";
  const initials = name.split(" ").map((word) => word[0]).slice(0, 2).join("");
  const hue = [...(user?.id ?? "")].reduce((sum, sign) => (sum * 31 + sign.charCodeAt(0)) % 7, 0);
  return h("span", { class: `face hue-${hue} ${size}`, "aria-hidden": "true" }, initials);
}

export function nameOf(id) {
  const user = state.users.get(id);
  return user ? (user.is_bot ? user.name : user.real_name) : id;
}

export function kindOf(user) {
  if (!user) return null;
  if (user.is_bot) return "app";
  if (user.is_restricted) return "guest";
  return user.team_id !== "T0DEMO" ? "other company" : null;
}

function byline(message) {
  const user = state.users.get(message.user);
  const kind = kindOf(user);
  return h(
    "header",
    { class: "byline" },
    h("span", { class: "author" }, nameOf(message.user)),
    kind ? h("span", { class: "badge" }, kind) : null,
    when(message.ts),
  );
}

function content(message) {
  if (message.subtype === "tombstone") return [h("p", { class: "gone" }, "This message was deleted.")];
  const shown = message.blocks?.length ? blocks(message) : [h("div", { class: "block b-text" }, mrkdwn(message.text))];
  return [...shown, ...attachments(message)];
}

function reactions(message) {
  if (!message.reactions?.length) return null;
  return h(
    "div",
    { class: "reactions" },
    message.reactions.map((given) =>
      h("span", { class: "reaction", title: given.users.map(nameOf).join(", ") }, emoji(given.name) ?? `:${given.name}:`, ` ${given.count}`),
    ),
  );
}

function threadDoor(message, open) {
  const count = message.reply_count ?? 0;
  if (!count) {
    return h(
      "button",
      {
        type: "button",
        class: "reply",
        "aria-label": "Reply in thread",
        title: "Reply in thread",
        data: { testid: `thread-open-${message.ts}` },
        on: { click: () => open(message) },
      },
      glyph("speech_balloon"),
      " Reply",
    );
  }
  return h(
    "button",
    { type: "button", class: "replies", data: { testid: `thread-open-${message.ts}` }, on: { click: () => open(message) } },
    h("span", { class: "faces", "aria-hidden": "true" }, message.reply_users.slice(0, 4).map((id) => face(state.users.get(id), "tiny"))),
    h("span", { class: "count" }, `${count} ${count === 1 ? "reply" : "replies"}`),
    h("span", { class: "last" }, "last ", when(message.latest_reply)),
  );
}

function whisper(ephemeral, { testid }) {
  const author = ephemeral.via === "slack" ? null : state.users.get(state.bot);
  return h(
    "li",
    { class: "message whisper", data: { testid, ts: ephemeral.ts } },
    h("p", { class: "only-you" }, glyph("eye"), " Only visible to you"),
    author ? face(author) : h("span", { class: "face system", "aria-hidden": "true" }, "!"),
    h(
      "div",
      { class: "body" },
      author
        ? byline({ user: state.bot, ts: ephemeral.ts })
        : h("header", { class: "byline" }, h("span", { class: "author" }, "Workspace"), when(ephemeral.ts)),
      content(ephemeral),
    ),
  );
}

export function messageElement(message, { compact = false, open = null, testid = null } = {}) {
  if (message.is_ephemeral) return whisper(message, { testid: "ephemeral" });
  const user = state.users.get(message.user);
  const edited = message.edited
    ? h("span", { class: "edited", title: `Edited ${relative(message.edited.ts)}, at ${short(message.edited.ts)}` }, "(edited)")
    : null;
  return h(
    "li",
    {
      class: `message ${compact ? "compact" : ""} ${message.subtype === "tombstone" ? "tombstone" : ""}`.trim(),
      id: testid ? null : `m-${message.ts}`,
      data: { testid: testid ?? `message-${message.ts}`, ts: message.ts },
    },
    compact ? h("span", { class: "at", "aria-hidden": "true" }, short(message.ts)) : face(user),
    h(
      "div",
      { class: "body" },
      compact ? h("span", { class: "hidden" }, `${nameOf(message.user)}, ${short(message.ts)}`) : byline(message),
      message.subtype === "thread_broadcast" ? h("p", { class: "sent-also" }, "replied in a thread") : null,
      content(message),
      edited,
      reactions(message),
      open && message.subtype !== "thread_broadcast" ? threadDoor(message, open) : null,
    ),
  );
}
