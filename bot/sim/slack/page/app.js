// Puts the parts together and keeps them in step with the server.

import { drawBanner } from "./banner.js";
import { Composer } from "./composer.js";
import { byId } from "./dom.js";
import { Log } from "./log.js";
import { get, stream } from "./net.js";
import { drawMe, drawSide } from "./side.js";
import { apply, changed, learn, listen, load, markRead, message, mine, state, timeline } from "./store.js";
import { Thread } from "./thread.js";
import { keepFresh } from "./times.js";

const thread = new Thread();
const log = new Log(byId("log"), byId("scroll"), { open: (root) => thread.open(root) });
const composer = new Composer({
  testid: "composer",
  sendTestid: "send",
  id: "composer",
  label: "Message",
  target: () => ({ channel: state.channel }),
});
byId("compose").append(composer.element);

function go(channel) {
  state.channel = channel;
  state.thread = null;
  showSide(false);
  history.replaceState(null, "", `#${channel}`);
  changed();
  composer.field.focus({ preventScroll: true });
}

function become(user) {
  state.me = user;
  const seen = mine();
  if (!seen.some((channel) => channel.id === state.channel)) {
    state.channel = seen[0]?.id ?? state.channel;
    state.thread = null;
  }
  changed();
}

function showSide(shown) {
  document.body.classList.toggle("with-side", shown);
  byId("menu").setAttribute("aria-expanded", String(shown));
}

// #C0ALERTS or #C0ALERTS/1700000000.000100: a permalink leads to the message, or into its thread.
function follow() {
  const [channel, ts] = decodeURIComponent(location.hash.slice(1)).split("/");
  if (!state.channels.has(channel)) return;
  state.channel = channel;
  const found = ts && message(channel, ts);
  if (found?.thread_ts && found.thread_ts !== ts) thread.open(message(channel, found.thread_ts));
  state.focus = ts ?? null;
  changed();
}

function draw() {
  const channel = state.channels.get(state.channel);
  if (!channel) return;
  const unseen = log.show(`${state.me} ${channel.id}`, timeline(channel.id));
  if (unseen) byId("newer").hidden = false;
  markRead(channel.id);
  byId("channel-name").textContent = channel.is_im ? "flannel-bot" : `# ${channel.name}`;
  byId("channel-topic").textContent = channel.is_archived ? "This channel is archived." : (channel.topic?.value ?? "");
  byId("members").textContent = channel.is_im ? "" : `${channel.members.length} members`;
  byId("lost").hidden = !state.lost;
  composer.show(`${state.me} ${channel.id}`, {
    placeholder: `Message ${channel.is_im ? "flannel-bot" : `#${channel.name}`}, or type ${state.command} help`,
    hint: `Enter sends, Shift+Enter makes a new line. Commands begin with ${state.command}.`,
  });
  drawSide(go);
  drawMe(become);
  drawBanner();
  thread.draw();
  if (state.focus) {
    const target = byId(`m-${state.focus}`);
    target?.scrollIntoView({ block: "center" });
    target?.classList.add("pointed");
    state.focus = null;
  }
}

async function refresh() {
  const [about, messages] = await Promise.all([get("state"), get("messages")]);
  if (!about.ok || !messages.ok) {
    byId("lost").textContent = `This page cannot read the server: ${about.message ?? about.error ?? messages.error}`;
    byId("lost").hidden = false;
    return;
  }
  const first = state.channels.size === 0;
  state.lost = false;
  learn(about);
  load(messages);
  if (first) {
    for (const channel of state.channels.keys()) markRead(channel);
    if (location.hash) follow();
  }
}

listen(draw);
keepFresh();
stream({
  opened: refresh,
  lost: () => {
    state.lost = true;
    changed();
  },
  events: {
    change: (change) => (["channel", "joined"].includes(change.kind) ? refresh() : apply(change)),
    presence: ({ online }) => {
      state.online = online;
      changed();
    },
  },
});

byId("menu").addEventListener("click", () => showSide(!document.body.classList.contains("with-side")));
byId("main").addEventListener("click", (event) => {
  if (!byId("menu").contains(event.target)) showSide(false);
});
byId("newer").addEventListener("click", () => log.toEnd());
byId("scroll").addEventListener("scroll", () => {
  if (log.atEnd) byId("newer").hidden = true;
});
window.addEventListener("hashchange", follow);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || byId("confirm").open) return;
  if (document.body.classList.contains("with-side")) showSide(false);
  else if (state.thread) thread.hide();
});
