// What each person has read, in channels and in threads, and who was called by name.

import { said, state, timeline } from "./store.js";

const marks = new Map(); // `${user} ${channel} ${thread}` -> newest stamp seen
const dividers = new Map(); // the same -> the stamp after which things were new on arrival
const followed = new Set(); // threads that somebody opened or wrote in

const key = (channel, thread = "") => `${state.me} ${channel} ${thread}`;
const newest = (messages) => messages.reduce((top, m) => Math.max(top, Number(m.ts)), 0);

const counts = (m, since) => !m.is_ephemeral && !m.ghost && m.user !== state.me && Number(m.ts) > since;

export function callsMe(message) {
  if (message.user === state.me || message.is_ephemeral) return false;
  const words = `${message.text ?? ""} ${JSON.stringify(message.blocks ?? "")}`;
  if (words.includes(`<@${state.me}>`) || words.includes(`<@${state.me}|`) || words.includes(`"user_id":"${state.me}"`)) return true;
  if (/<!(here|channel|everyone)/.test(words)) return true;
  return [...state.groups.values()].some((g) => g.users.includes(state.me) && words.includes(g.id));
}

// Everybody starts with what was there when the page came.
export function markAllRead() {
  const me = state.me;
  for (const user of state.users.keys()) {
    state.me = user;
    for (const channel of state.channels.keys()) marks.set(key(channel), newest(said(channel)));
  }
  state.me = me;
}

export function markRead(channel) {
  marks.set(key(channel), newest(timeline(channel)));
}

export function unread(channel) {
  const since = marks.get(key(channel)) ?? 0;
  const news = timeline(channel).filter((m) => counts(m, since));
  return { count: news.length, calls: news.some(callsMe) };
}

// The line "New" is drawn once, on arrival, and stays where it is until one leaves.
export function drawLine(channel) {
  if (dividers.has(key(channel)) || !unread(channel).count) return;
  dividers.set(key(channel), marks.get(key(channel)) ?? 0);
}

export const eraseLine = (channel) => dividers.delete(key(channel));

export function lineBefore(channel, messages) {
  const since = dividers.get(key(channel));
  return since === undefined ? null : (messages.find((m) => counts(m, since))?.ts ?? null);
}

export function follow(channel, ts) {
  followed.add(key(channel, ts));
}

export function markThreadRead(channel, ts, messages) {
  follow(channel, ts);
  marks.set(key(channel, ts), newest(messages));
}

// New replies of a thread: of one that I follow, or that called me.
export function unreadReplies(root) {
  const ts = root.ts;
  const answers = said(root.channel).filter((m) => m.thread_ts === ts && m.ts !== ts);
  const involved = followed.has(key(root.channel, ts)) || answers.some((m) => m.user === state.me || callsMe(m));
  if (!involved) return 0;
  const since = marks.get(key(root.channel, ts)) ?? newest(answers.filter((m) => m.user === state.me));
  return answers.filter((m) => counts(m, since)).length;
}
