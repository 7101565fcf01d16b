// One message: who, when, what, and the door to its thread.

import { brief } from "./announce.js";
import { attachments, blocks } from "./blocks.js";
import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { files } from "./files.js";
import { glyph } from "./glyphs.js";
import { more } from "./more.js";
import { mrkdwn } from "./mrkdwn.js";
import { state } from "./store.js";
import { relative, seconds, short, when } from "./times.js";
import { callsMe } from "./unread.js";

export function face(user, size = "") {
  if (user?.is_bot) return h("img", { src: "/page/plaid.svg", alt: "", class: `face ${size}` });
  const name = user?.real_name ?? "?";
  const initials = name.split(" ").map((word) => word[0]).slice(0, 2).join("");
  const hue = [...state.users.keys()].indexOf(user?.id) % 7;
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
  const kind = kindOf(state.users.get(message.user));
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
  const words = message.text ? [h("div", { class: "block b-text" }, mrkdwn(message.text))] : [];
  return [...(message.blocks?.length ? blocks(message) : words), ...attachments(message), ...files(message)];
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

function threadDoor(message, open, news) {
  const count = message.reply_count ?? 0;
  const shared = { type: "button", data: { testid: `thread-open-${message.ts}`, v: `${message.ts} ${count > 0}` }, on: { click: () => open(message) } };
  if (!count) {
    return h("button", { ...shared, class: "reply", title: "Reply in thread" }, glyph("speech_balloon"), " Reply", h("span", { class: "hidden" }, " in thread"));
  }
  return h(
    "button",
    { ...shared, class: "replies" },
    h("span", { class: "faces", "aria-hidden": "true" }, message.reply_users.slice(0, 4).map((id) => face(state.users.get(id), "tiny"))),
    h("span", { class: "replies-count" }, `${count} ${count === 1 ? "reply" : "replies"}`),
    news ? h("span", { class: "new" }, `${news} new`) : null,
    h("span", { class: "last" }, "last at ", when(message.latest_reply)),
  );
}

const WAYS = {
  ack: "with the acknowledgement",
  response_url: "by response_url",
  post: "by chat.postEphemeral",
};

// How a whisper came, and how long one waited for it.
function way(ephemeral) {
  const asked = state.asked.get(ephemeral.command_id);
  const waited = asked && Math.max(0, Number(ephemeral.ts) - asked.at);
  const to = asked ? `answers ${asked.text}` : null;
  const after = asked ? `${waited >= 3 ? "late, " : ""}after ${seconds(waited)}` : null;
  return [to, WAYS[ephemeral.via], after].filter(Boolean).join(" · ");
}

function whisper(ephemeral, { testid }) {
  const author = ephemeral.via === "slack" ? null : state.users.get(state.bot);
  return h(
    "li",
    { class: "message whisper", tabindex: "-1", "aria-label": `Only visible to you: ${brief(ephemeral.text ?? "")}`, data: { testid, ts: ephemeral.ts } },
    h("p", { class: "only-you" }, glyph("eye"), h("span", {}, "Only visible to you"), h("span", { class: "way" }, way(ephemeral))),
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

function ghost(gone) {
  const words = gone.is_ephemeral
    ? `An answer only you saw, of ${short(gone.ts)}, was ${gone.ghost}.`
    : `A message by ${nameOf(gone.user)}, of ${short(gone.ts)}, was ${gone.ghost}.`;
  return h("li", { class: "ghost", data: { testid: `deleted-${gone.ts}` } }, words);
}

export function messageElement(message, { compact = false, open = null, testid = null, news = 0, inThread = false } = {}) {
  if (message.ghost) return ghost(message);
  if (message.is_ephemeral) return whisper(message, { testid: "ephemeral" });
  const user = state.users.get(message.user);
  const edited = message.edited
    ? h("span", { class: "edited", title: `Edited ${relative(message.edited.ts)}, at ${short(message.edited.ts)}` }, `(edited ${short(message.edited.ts)})`)
    : null;
  const classes = ["message", compact && "compact", message.subtype === "tombstone" && "tombstone", callsMe(message) && "calls-me"];
  return h(
    "li",
    {
      class: classes.filter(Boolean).join(" "),
      id: testid ? null : `m-${message.ts}`,
      tabindex: "-1",
      "aria-label": `${nameOf(message.user)}, ${short(message.ts)}: ${brief(message.text ?? "")}`,
      data: { testid: testid ?? `message-${message.ts}`, ts: message.ts },
    },
    compact ? h("span", { class: "at", "aria-hidden": "true" }, short(message.ts)) : face(user),
    h(
      "div",
      { class: "body" },
      compact ? h("span", { class: "hidden" }, `${nameOf(message.user)}, ${short(message.ts)}`) : byline(message),
      message.subtype === "thread_broadcast" ? h("p", { class: "sent-also" }, `${inThread ? "also sent to the channel" : "replied in a thread"}`) : null,
      content(message),
      edited,
      reactions(message),
      open && message.subtype !== "thread_broadcast" && message.reply_count ? threadDoor(message, open, news) : null,
    ),
    h(
      "div",
      { class: "hover" },
      open && message.subtype !== "thread_broadcast" && !message.reply_count ? threadDoor(message, open, news) : null,
      message.subtype === "tombstone" ? null : more(message),
    ),
  );
}
