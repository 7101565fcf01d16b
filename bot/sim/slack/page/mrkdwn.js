// Slack's markup into elements: *bold* _italic_ ~strike~ `code` ```fence``` > quote <link|label>
// <@user> <#channel> <!here> :emoji:. Everything else, tags included, is text.

import { h, link } from "./dom.js";
import { emoji, signs } from "./emoji.js";
import { state } from "./store.js";
import { formatted } from "./times.js";

const MARKS = { "*": "strong", _: "em", "~": "s" };
const OPENS = /[\s([{"'“‘>—–/|*_~-]/;
const CLOSES = /[\s)\]}"'”’.,:;!?…—–/|*_~-]/;
const BARE = /https?:\/\/[^\s<>"'`]+[^\s<>"'`.,:;!?)\]}]/g;

export function decode(text) {
  return text.replace(/&(lt|gt|amp);/g, (_, name) => ({ lt: "<", gt: ">", amp: "&" })[name]);
}

export function mention(kind, label) {
  return h("span", { class: `mention ${kind}` }, label);
}

export function user(id, label) {
  const found = state.users.get(id);
  const name = found ? (found.is_bot ? found.name : found.real_name) : label || id;
  return mention(id === state.me ? "me" : "user", `@${name}`);
}

export function channel(id, label) {
  return mention("channel", `#${state.channels.get(id)?.name ?? (label || id)}`);
}

function special(body, label) {
  const [name, ...rest] = body.split("^");
  if (name === "subteam") return mention("user", `@${state.groups.get(rest[0])?.handle ?? (label || rest[0])}`);
  if (name === "date") return date(rest[0], rest[1] ?? "", label);
  return mention("broadcast", `@${name}`);
}

export function date(stamp, format, fallback) {
  if (!Number.isFinite(Number(stamp))) return h("span", {}, fallback ?? "");
  return h("time", { title: fallback }, formatted(stamp, format));
}

// Between < and >: a reference to somebody or something, or a link.
function reference(body) {
  const bar = body.indexOf("|");
  const target = bar < 0 ? body : body.slice(0, bar);
  const label = bar < 0 ? "" : decode(body.slice(bar + 1));
  if (target.startsWith("@")) return user(target.slice(1), label);
  if (target.startsWith("#")) return channel(target.slice(1), label);
  if (target.startsWith("!")) return special(target.slice(1), label);
  if (/^(https?:|mailto:)/i.test(target)) return link(decode(target), label || decode(target).replace(/^mailto:/, ""));
  return null;
}

function words(text, verbatim) {
  const plain = decode(text);
  if (verbatim) return signs(plain);
  const out = [];
  let last = 0;
  for (const match of plain.matchAll(BARE)) {
    out.push(...signs(plain.slice(last, match.index)), link(match[0], match[0]));
    last = match.index + match[0].length;
  }
  out.push(...signs(plain.slice(last)));
  return out.filter((part) => part !== "");
}

function closing(text, from, mark) {
  for (let at = text.indexOf(mark, from); at >= 0; at = text.indexOf(mark, at + 1)) {
    const inner = text.slice(from, at);
    if (inner.includes("\n")) return -1;
    const after = text[at + 1];
    if (inner && !/\s$/.test(inner) && (after === undefined || CLOSES.test(after))) return at;
  }
  return -1;
}

function token(text, at, verbatim) {
  const sign = text[at];
  if (sign === "<") {
    const end = text.indexOf(">", at);
    const found = end > at + 1 ? reference(text.slice(at + 1, end)) : null;
    return found && { node: found, end: end + 1 };
  }
  if (sign === "`") {
    const end = text.indexOf("`", at + 1);
    const inner = text.slice(at + 1, end);
    if (end <= at + 1 || inner.includes("\n")) return null;
    return { node: h("code", {}, decode(inner)), end: end + 1 };
  }
  if (sign === ":") {
    const match = /^:([a-z0-9_+-]+):/.exec(text.slice(at));
    const glyph = match && emoji(match[1]);
    return glyph ? { node: glyph, end: at + match[0].length } : null;
  }
  const before = text[at - 1];
  if (!MARKS[sign] || (before !== undefined && !OPENS.test(before)) || /\s/.test(text[at + 1] ?? " ")) return null;
  const end = closing(text, at + 1, sign);
  if (end < 0) return null;
  return { node: h(MARKS[sign], {}, inline(text.slice(at + 1, end), verbatim)), end: end + 1 };
}

function inline(text, verbatim) {
  const out = [];
  let plain = "";
  let at = 0;
  const flush = () => {
    plain.split("\n").forEach((line, index) => {
      if (index > 0) out.push(h("br"));
      out.push(...words(line, verbatim));
    });
    plain = "";
  };
  while (at < text.length) {
    const found = "<`:*_~".includes(text[at]) ? token(text, at, verbatim) : null;
    if (found) {
      flush();
      out.push(found.node);
      at = found.end;
    } else {
      plain += text[at];
      at += 1;
    }
  }
  flush();
  return out;
}

const QUOTE = /^(&gt;|>) ?/;

function lines(text, verbatim) {
  const out = [];
  let run = [];
  let quoted = false;
  const flush = () => {
    if (run.length) {
      const inner = inline(run.join("\n"), verbatim);
      out.push(quoted ? h("blockquote", {}, inner) : h("span", {}, inner));
    }
    run = [];
  };
  for (const line of text.split("\n")) {
    if (QUOTE.test(line) !== quoted) {
      flush();
      quoted = !quoted;
    }
    run.push(quoted ? line.replace(QUOTE, "") : line);
  }
  flush();
  return out;
}

export function mrkdwn(text, { verbatim = false } = {}) {
  const out = [];
  let last = 0;
  for (const match of text.matchAll(/```\n?([\s\S]+?)\n?```/g)) {
    const before = text.slice(last, match.index).replace(/\n$/, "");
    if (before) out.push(...lines(before, verbatim));
    out.push(h("pre", { tabindex: "0" }, decode(match[1])));
    last = match.index + match[0].length;
    if (text[last] === "\n") last += 1;
  }
  const rest = text.slice(last);
  if (rest) out.push(...lines(rest, verbatim));
  return out;
}

// Plain text objects know emoji names, and nothing else.
export function plain(text, { names = true } = {}) {
  const out = [];
  for (const part of text.split(/(:[a-z0-9_+-]+:|\n)/)) {
    const glyph = names && part.startsWith(":") ? emoji(part.slice(1, -1)) : null;
    if (part === "\n") out.push(h("br"));
    else if (part) out.push(...(glyph ? [glyph] : signs(part)));
  }
  return out;
}
