// Rich text blocks and tables: typed runs, no markup to parse.

import { h, link } from "./dom.js";
import { emoji, signs } from "./emoji.js";
import { channel, date, mention, user } from "./mrkdwn.js";
import { state } from "./store.js";

const STYLES = { code: "code", bold: "strong", italic: "em", strike: "s", underline: "u" };

function styled(node, style = {}) {
  for (const [name, tag] of Object.entries(STYLES)) {
    if (style[name]) node = h(tag, {}, node);
  }
  return node;
}

function broken(text) {
  return text.split("\n").flatMap((line, index) => [...(index ? [h("br")] : []), ...signs(line)]);
}

function run(element, raw) {
  switch (element.type) {
    case "text":
      return raw ? [element.text] : [styled(h("span", {}, broken(element.text)), element.style)];
    case "link":
      return [styled(link(element.url, element.text ?? element.url), element.style)];
    case "user":
      return [user(element.user_id)];
    case "usergroup":
      return [mention("user", `@${state.groups.get(element.usergroup_id)?.handle ?? element.usergroup_id}`)];
    case "channel":
      return [channel(element.channel_id)];
    case "broadcast":
      return [mention("broadcast", `@${element.range}`)];
    case "emoji":
      return [emoji(element.name) ?? `:${element.name}:`];
    case "date":
      return [date(element.timestamp, element.format, element.fallback)];
    default:
      return [element.text ?? element.value ?? ""];
  }
}

const runs = (elements, raw = false) => elements.flatMap((element) => run(element, raw));

function part(element) {
  switch (element.type) {
    case "rich_text_preformatted":
      return h("pre", { tabindex: "0" }, runs(element.elements, true));
    case "rich_text_quote":
      return h("blockquote", {}, runs(element.elements));
    case "rich_text_list":
      return h(
        element.style === "ordered" ? "ol" : "ul",
        { class: `rt-list indent-${Math.min(element.indent ?? 0, 4)}`, start: element.offset ? element.offset + 1 : null },
        element.elements.map((item) => h("li", {}, runs(item.elements))),
      );
    default:
      return h("div", { class: "rt-section" }, runs(element.elements));
  }
}

export function richText(block) {
  return h("div", { class: "rich" }, block.elements.map(part));
}

function cell(content, tag, setting) {
  const inner = content.type === "rich_text" ? richText(content) : signs(content.text);
  const classes = [`align-${setting?.align ?? "left"}`, setting?.is_wrapped ? "wrapped" : ""];
  return h(tag, { class: classes.join(" ").trim(), scope: tag === "th" ? "col" : null }, inner);
}

export function table(block) {
  const settings = block.column_settings ?? [];
  const [head, ...body] = block.rows;
  const row = (cells, tag) => h("tr", {}, cells.map((content, index) => cell(content, tag, settings[index])));
  return h(
    "div",
    { class: "table", tabindex: "0", role: "region", "aria-label": "Table" },
    h("table", {}, h("thead", {}, row(head, "th")), h("tbody", {}, body.map((cells) => row(cells, "td")))),
  );
}
