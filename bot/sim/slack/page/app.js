// Puts the parts together and keeps them in step with the server.

import { announce, brief } from "./announce.js";
import { drawBanner } from "./banner.js";
import { Composer } from "./composer.js";
import { byId, fill, h } from "./dom.js";
import { startFaults } from "./faults.js";
import { startKeys } from "./keys.js";
import { Log } from "./log.js";
import { nameOf } from "./message.js";
import { get, inTurn, stream } from "./net.js";
import { closePane, startPanes, togglePane } from "./panes.js";
import { drawPeople, drawSide, enterChannels, neighbour } from "./side.js";
import { apply, changed, current, learn, listen, load, message, mine, state, timeline } from "./store.js";
import { startStory } from "./story.js";
import { changeTheme, startTheme } from "./theme.js";
import { Thread } from "./thread.js";
import { startTraffic } from "./traffic.js";
import { drawLine, eraseLine, follow, lineBefore, markAllRead, markRead, unread, unreadReplies } from "./unread.js";
import { drawHome, learnViews, openHome, startViews } from "./views.js";

const thread = new Thread();
const log = new Log(byId("log"), byId("scroll"), { open: (root) => thread.open(root) });
log.news = (root) => (root.reply_count ? unreadReplies(root) : 0);
const composer = new Composer({
  testid: "composer",
  sendTestid: "send",
  id: "composer",
  label: "Message",
  target: () => ({ channel: current()?.id }),
});
byId("compose").append(composer.element);

function go(channel, { focus = true } = {}) {
  const left = current();
  if (left && channel !== state.channel) eraseLine(left.id);
  state.channel = channel;
  if (state.pane === "thread") closePane({ refocus: false });
  showSide(false);
  history.replaceState(null, "", `#${channel}`);
  if (channel === "app") show("home");
  else drawLine(channel);
  changed();
  if (focus && channel !== "app") composer.field.focus({ preventScroll: true });
}

function show(tab) {
  state.tab = tab;
  if (tab === "home" || !current()) openHome();
  if (tab === "messages" && current()) drawLine(current().id);
  changed();
}

function become(user) {
  state.me = user;
  state.views = { home: null, modals: [] };
  byId("home").replaceChildren();
  const seen = mine();
  if (state.channel !== "app" && !seen.some((channel) => channel.id === state.channel)) {
    state.channel = seen.find((channel) => !channel.is_im)?.id ?? "app";
  }
  if (state.thread && !seen.some((channel) => channel.id === state.thread.channel)) closePane({ refocus: false });
  if (state.channel === "app") show(state.tab);
  learnViews();
  changed();
}

function showSide(shown) {
  document.body.classList.toggle("with-side", shown);
  byId("menu").setAttribute("aria-expanded", String(shown));
}

// #C0ALERTS or #C0ALERTS/1700000000.000100: a permalink leads to the message, or into its thread.
function followLink() {
  const [channel, ts] = decodeURIComponent(location.hash.slice(1)).split("/");
  if (channel === "app") return go("app");
  if (!state.channels.has(channel)) return;
  state.channel = channel;
  const found = ts && message(channel, ts);
  if (found?.thread_ts && found.thread_ts !== ts) thread.open(message(channel, found.thread_ts));
  state.focus = ts ?? null;
  changed();
}

function drawTabs(app) {
  const tabs = byId("tabs");
  tabs.hidden = !app;
  if (!tabs.childElementCount) {
    fill(tabs, ["home", "messages"].map((tab) =>
      h("button", { type: "button", role: "tab", id: `tab-${tab}`, data: { testid: `tab-${tab}` }, on: { click: () => show(tab) } }, tab[0].toUpperCase() + tab.slice(1)),
    ));
    tabs.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      show(state.tab === "home" ? "messages" : "home");
      byId(`tab-${state.tab}`).focus();
    });
  }
  for (const button of tabs.children) {
    const on = button.id === `tab-${state.tab}`;
    button.setAttribute("aria-selected", String(on));
    button.tabIndex = on ? 0 : -1;
  }
}

function drawHeader(channel, app) {
  const words = app ? nameOf(state.bot) : `# ${channel.name}`;
  const topic = app ? "The app itself" : channel.is_archived ? "This channel is archived." : (channel.topic?.value ?? "");
  const members = app ? "" : `${channel.members.length} members`;
  for (const [id, text] of [["channel-name", words], ["channel-topic", topic], ["members", members]]) {
    if (byId(id).textContent !== text) byId(id).textContent = text;
  }
  byId("members").hidden = app;
}

function drawLog(channel) {
  const attentive = document.hasFocus() && document.visibilityState === "visible";
  if (!attentive || !log.pinned) drawLine(channel.id);
  const messages = timeline(channel.id);
  const unseen = log.show(`${state.me} ${channel.id}`, messages, { line: lineBefore(channel.id, messages) });
  if (unseen) byId("newer").hidden = false;
  if (log.atEnd) byId("newer").hidden = true;
  if (attentive && (log.pinned || log.atEnd)) markRead(channel.id);
  byId("scroll").setAttribute("aria-label", `Messages in ${channel.is_im ? nameOf(state.bot) : `#${channel.name}`}`);
  composer.show(`${state.me} ${channel.id}`, {
    placeholder: `Message ${channel.is_im ? nameOf(state.bot) : `#${channel.name}`}`,
    hint: `Enter sends, Shift+Enter makes a new line. Try ${state.command} help.`,
  });
}

function draw() {
  byId("lost").hidden = !state.lost;
  if (byId("lost").textContent !== state.lost) byId("lost").textContent = state.lost;
  const app = state.channel === "app";
  const channel = current();
  if (!channel && !app) return;
  const home = app && (state.tab === "home" || !channel);
  drawHeader(channel, app);
  drawTabs(app);
  byId("home").hidden = !home;
  byId("scroll").hidden = byId("compose").hidden = home;
  thread.draw(); // before the log, whose doors tell what is unread in threads
  if (home) drawHome();
  else drawLog(channel);
  if (home) byId("newer").hidden = true;
  drawSide(go);
  drawPeople(become);
  drawBanner();
  const news = document.hidden ? mine().reduce((sum, one) => sum + unread(one.id).count, 0) : 0;
  document.title = `${news ? `(${news}) ` : ""}flannel-bot demo`;
  if (state.focus) {
    const target = byId(`m-${state.focus}`);
    target?.scrollIntoView({ block: "center" });
    target?.classList.add("pointed");
    state.focus = null;
  }
}

function tell(change) {
  const whisper = change.kind === "ephemeral" && change.ephemeral;
  if (whisper && whisper.user === state.me) announce(`Only for you: ${brief(whisper.text)}`);
  if (change.kind !== "posted") return;
  const said = change.messages.find((one) => one.ts === change.ts);
  const channel = mine().find((one) => one.id === change.channel);
  if (!said || said.user === state.me || !channel) return;
  const where = said.thread_ts ? "in a thread of" : "in";
  announce(`${nameOf(said.user)} ${where} ${channel.is_im ? "a direct message" : channel.name}: ${brief(said.text)}`);
}

const AGAIN = 1000; // milliseconds until the server is asked anew that did not answer

let meanwhile = null; // changes told while all is asked for: the answer may be older than they are

const refresh = inTurn(async () => {
  meanwhile = [];
  const [about, messages] = await Promise.all([get("state"), get("messages")]);
  const failed = [about, messages].find((answer) => !answer.ok);
  if (failed) {
    state.lost = `This page cannot read the server: ${failed.message ?? failed.error}. Trying again…`;
    changed();
    setTimeout(refresh, AGAIN);
    return;
  }
  const first = state.channels.size === 0;
  state.lost = "";
  learn(about);
  load(messages);
  meanwhile.forEach(apply);
  meanwhile = null;
  learnViews();
  if (first) {
    markAllRead();
    if (location.hash) followLink();
  }
});

startTheme();
startPanes();
startStory();
startFaults();
startTraffic();
startViews();
listen(draw);
stream({
  opened: refresh,
  lost: () => {
    state.lost = "Connection lost. Trying again…";
    changed();
  },
  events: {
    change: (change) => {
      if (["channel", "joined"].includes(change.kind)) return refresh();
      if (change.kind === "posted" && change.thread_ts && change.messages.some((m) => m.ts === change.ts && m.user === state.me)) {
        follow(change.channel, change.thread_ts);
      }
      tell(change);
      meanwhile?.push(change);
      apply(change);
    },
    views: ({ user }) => user === state.me && learnViews(),
    presence: ({ online }) => {
      state.online = online;
      changed();
    },
  },
});
startKeys({
  escape: () => {
    if (document.body.classList.contains("with-side")) showSide(false);
    else closePane();
  },
  channel: (step) => go(neighbour(step)),
  single: {
    k: () => (showSide(true), enterChannels()),
    m: () => log.rove.enter(),
    c: () => composer.field.focus(),
    u: () => (showSide(true), byId("people-list").querySelector(":checked")?.focus()),
    s: () => togglePane("story", byId("scenario")),
    f: () => togglePane("faults", document.querySelector("[data-pane=faults]")),
    i: () => togglePane("traffic", document.querySelector("[data-pane=traffic]")),
    d: changeTheme,
  },
});

byId("menu").addEventListener("click", () => {
  const shown = !document.body.classList.contains("with-side");
  showSide(shown);
  if (shown) enterChannels();
});
byId("main").addEventListener("click", () => showSide(false));
byId("newer").addEventListener("click", () => {
  log.toEnd();
  changed();
});
byId("scroll").addEventListener("scroll", () => log.atEnd && !byId("newer").hidden && changed(), { passive: true });
for (const event of ["focus", "visibilitychange"]) (event === "focus" ? window : document).addEventListener(event, changed);
window.addEventListener("hashchange", followLink);
