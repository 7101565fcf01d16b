// What this page knows, and who wants to hear when it changes.

const listeners = new Set();
let scheduled = false;

export const state = {
  users: new Map(),
  groups: new Map(),
  channels: new Map(),
  messages: new Map(), // channel -> Map(ts -> message)
  ephemerals: new Map(), // ts -> ephemeral
  read: new Map(), // `${user} ${channel}` -> newest stamp seen
  me: "U0OPERATOR",
  channel: "C0ALERTS",
  thread: null, // {channel, ts}
  bot: "U0BOT",
  command: "/flannel",
  banner: "",
  online: false,
  lost: false,
  focus: null, // a message to scroll to
};

export function listen(listener) {
  listeners.add(listener);
}

// Many changes in one turn are drawn once.
export function changed() {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    for (const listener of listeners) listener();
  });
}

export function learn(body) {
  state.users = new Map(body.users.map((user) => [user.id, user]));
  state.groups = new Map(body.groups.map((group) => [group.id, group]));
  state.channels = new Map(body.channels.map((channel) => [channel.id, channel]));
  state.bot = body.bot;
  state.command = body.command;
  state.banner = body.banner;
  state.online = body.online;
  changed();
}

export function load(body) {
  state.messages = new Map();
  for (const message of body.messages) place(message);
  state.ephemerals = new Map(body.ephemerals.map((e) => [e.ts, e]));
  changed();
}

function place(message) {
  if (!state.messages.has(message.channel)) state.messages.set(message.channel, new Map());
  state.messages.get(message.channel).set(message.ts, message);
}

export function apply(change) {
  for (const message of change.messages ?? []) place(message);
  const gone = change.kind === "deleted" && !(change.messages ?? []).some((m) => m.ts === change.ts);
  if (gone) state.messages.get(change.channel)?.delete(change.ts);
  if (change.kind === "ephemeral") state.ephemerals.set(change.ephemeral.ts, change.ephemeral);
  if (change.kind === "ephemeral_gone") state.ephemerals.delete(change.ephemeral.ts);
  changed();
}

const inOrder = (a, b) => Number(a.ts) - Number(b.ts);

export function said(channel) {
  return [...(state.messages.get(channel)?.values() ?? [])].sort(inOrder);
}

// The channel's log: no replies, but those sent to the channel, and what only I see.
export function timeline(channel) {
  const shown = said(channel).filter(
    (m) => !m.thread_ts || m.thread_ts === m.ts || m.subtype === "thread_broadcast",
  );
  const mine = whispers(channel).filter((e) => !e.thread_ts);
  return [...shown, ...mine].sort(inOrder);
}

export function replies(channel, ts) {
  const shown = said(channel).filter((m) => m.thread_ts === ts && m.ts !== ts);
  const mine = whispers(channel).filter((e) => e.thread_ts === ts);
  return [...shown, ...mine].sort(inOrder);
}

function whispers(channel) {
  return [...state.ephemerals.values()].filter((e) => e.channel === channel && e.user === state.me);
}

export const message = (channel, ts) => state.messages.get(channel)?.get(ts);

export function mine() {
  return [...state.channels.values()].filter((c) => c.members.includes(state.me));
}

const mark = (channel) => `${state.me} ${channel}`;

export function markRead(channel) {
  const newest = said(channel).at(-1)?.ts ?? "0";
  state.read.set(mark(channel), newest);
}

export function unread(channel) {
  const seen = Number(state.read.get(mark(channel)) ?? 0);
  return timeline(channel).filter((m) => !m.is_ephemeral && m.user !== state.me && Number(m.ts) > seen).length;
}
