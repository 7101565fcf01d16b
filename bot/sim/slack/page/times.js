// Moments, told the way a person would, with the exact time on hover. The page speaks English, so
// its dates do, whatever the browser speaks; the hours count to 24, as those of logs and cards do.

import { h } from "./dom.js";

const LOCALE = "en-GB";
const clock = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(LOCALE, { dateStyle: "full", timeStyle: "long" });
const toSecond = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(LOCALE, { weekday: "long", day: "numeric", month: "long" });
const DATES = {
  date: { day: "numeric", month: "long", year: "numeric" },
  date_short: { day: "numeric", month: "short", year: "numeric" },
  date_long: { weekday: "long", day: "numeric", month: "long", year: "numeric" },
};
const near = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });

export const date = (ts) => new Date(Number(ts) * 1000);
export const dayOf = (ts) => day.format(date(ts));
export const short = (ts) => clock.format(date(ts));

const midnight = (at) => new Date(at.getFullYear(), at.getMonth(), at.getDate());

function daysAway(ts, now) {
  return Math.round((midnight(date(ts)) - midnight(now)) / 86_400_000);
}

// Slack's date tokens: {date_num} {date} {date_short} {date_long}, each also with _pretty (today
// and its neighbours by name), {time} {time_secs} {ago}. An unknown one stays as it is.
export function formatted(ts, format, now = new Date()) {
  return format.replace(/\{([a-z_]+)\}/g, (token, name) => {
    if (name === "time") return short(ts);
    if (name === "time_secs") return toSecond.format(date(ts));
    if (name === "ago") return relative(ts, now.getTime());
    if (name === "date_num") return date(ts).toLocaleDateString("sv");
    const pretty = name.endsWith("_pretty");
    const options = DATES[pretty ? name.slice(0, -"_pretty".length) : name];
    if (!options) return token;
    const away = daysAway(ts, now);
    if (pretty && Math.abs(away) <= 1) return near.format(away, "day");
    return new Intl.DateTimeFormat(LOCALE, options).format(date(ts));
  });
}

export function relative(ts, now = Date.now()) {
  const seconds = Math.max(0, Math.round(now / 1000 - Number(ts)));
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 6 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  return short(ts);
}

// The clock of the reader's own zone, with the full stamp on hover.
export function when(ts, { toTheSecond = false } = {}) {
  const text = toTheSecond ? toSecond.format(date(ts)) : short(ts);
  return h("time", { datetime: date(ts).toISOString(), title: exact.format(date(ts)) }, text);
}

export function seconds(count) {
  return count < 1 ? `${Math.round(count * 1000)} ms` : `${count.toFixed(1)} s`;
}
