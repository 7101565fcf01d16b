// What this page knows, and who wants to hear when it changes.

const listeners = new Set();
let scheduled = false;

export const state = {
  users: new Map(),
  roles: {},
  shortcuts: [],
  team: null,
  groups: new Map(),
  channels: new Map(),
  messages: new Map(), // channel -> Map(ts -> message)
  ephemerals: new Map(), // ts -> ephemeral
  ghosts: new Map(), // ts -> what was deleted while this page looked on
  asked: new Map(), // command_id -> {text, at}
  me: "U0OPERATOR",
  channel: "C0ALERTS", // or "app"
  tab: "home", // of the app: home or messages
  thread: null, // {channel, ts}
  pane: null, // thread, faults, traffic or story
  views: { home: null, modals: [] },
  bot: "U0BOT",
  command: "/flannel",
  banner: "",
  online: false,
  lost: "", // why what is shown may be old
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
  for (const key of ["bot", "command", "banner", "online", "roles", "team", "shortcuts"]) state[key] = body[key];
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

function haunt(gone, text) {
  state.ghosts.set(gone.ts, { ...gone, ghost: text, blocks: undefined, text: "" });
}

export function apply(change) {
  for (const message of change.messages ?? []) place(message);
  const gone = change.kind === "deleted" && !(change.messages ?? []).some((m) => m.ts === change.ts);
  const before = gone && state.messages.get(change.channel)?.get(change.ts);
  if (before) {
    haunt(before, "deleted");
    state.messages.get(change.channel).delete(change.ts);
  }
  const whisper = change.ephemeral;
  if (change.kind === "ephemeral") state.ephemerals.set(whisper.ts, whisper);
  if (change.kind === "ephemeral_gone" && state.ephemerals.delete(whisper.ts)) haunt(whisper, "taken back");
  changed();
}

const inOrder = (a, b) => Number(a.ts) - Number(b.ts);

export function said(channel) {
  return [...(state.messages.get(channel)?.values() ?? [])].sort(inOrder);
}

const forMe = (e) => !e.is_ephemeral || e.user === state.me;

function besides(channel, thread) {
  const found = [...state.ephemerals.values(), ...state.ghosts.values()];
  return found.filter((e) => e.channel === channel && forMe(e) && (thread ? e.thread_ts === thread : !e.thread_ts));
}

// The channel's log: no replies, but those sent to the channel, and what only I see.
export function timeline(channel) {
  const shown = said(channel).filter(
    (m) => !m.thread_ts || m.thread_ts === m.ts || m.subtype === "thread_broadcast",
  );
  return [...shown, ...besides(channel)].sort(inOrder);
}

export function replies(channel, ts) {
  const shown = said(channel).filter((m) => m.thread_ts === ts && m.ts !== ts);
  return [...shown, ...besides(channel, ts)].sort(inOrder);
}

export const message = (channel, ts) => state.messages.get(channel)?.get(ts);

export function mine() {
  return [...state.channels.values()].filter((c) => c.members.includes(state.me));
}

// My conversation with the app, once there is one.
export const direct = () => mine().find((channel) => channel.is_im);

export const current = () => (state.channel === "app" ? direct() : state.channels.get(state.channel));
