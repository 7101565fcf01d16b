// Moments, told the way a person would, with the exact time on hover.

import { h } from "./dom.js";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export const date = (ts) => new Date(Number(ts) * 1000);
export const dayOf = (ts) => day.format(date(ts));
export const short = (ts) => clock.format(date(ts));

export function relative(ts, now = Date.now()) {
  const seconds = Math.max(0, Math.round(now / 1000 - Number(ts)));
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 6 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  return short(ts);
}

export function when(ts) {
  return h(
    "time",
    { datetime: date(ts).toISOString(), title: exact.format(date(ts)), data: { ts } },
    relative(ts),
  );
}

export function keepFresh() {
  setInterval(() => {
    for (const element of document.querySelectorAll("time[data-ts]")) {
      const text = relative(element.dataset.ts);
      if (element.textContent !== text) element.textContent = text;
    }
  }, 5000);
}
