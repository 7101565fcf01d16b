// Block Kit into elements.

import { interactive } from "./actions.js";
import { h } from "./dom.js";
import { picture } from "./files.js";
import { input } from "./inputs.js";
import { mrkdwn, plain } from "./mrkdwn.js";
import { richText, table } from "./richtext.js";

export function text(object) {
  if (!object) return [];
  return object.type === "mrkdwn"
    ? mrkdwn(object.text, { verbatim: object.verbatim })
    : plain(object.text, { names: object.emoji !== false });
}

function header(block) {
  return h("h3", { class: "b-header" }, text(block.text));
}

function section(block, source) {
  const body = h(
    "div",
    { class: "b-body" },
    block.text ? h("div", { class: "b-text" }, text(block.text)) : null,
    block.fields
      ? h("div", { class: "b-fields" }, block.fields.map((field) => h("div", { class: "b-field" }, text(field))))
      : null,
  );
  const beside = block.accessory;
  if (!beside) return body;
  const side = beside.type === "image" ? picture(beside, "b-thumb") : interactive(source, block, beside);
  return h("div", { class: "b-split" }, body, h("div", { class: "b-side" }, side));
}

function context(block) {
  return h(
    "div",
    { class: "b-context" },
    block.elements.map((element) =>
      element.type === "image" ? picture(element, "b-icon") : h("span", { class: "b-note" }, text(element)),
    ),
  );
}

function actions(block, source) {
  return h("div", { class: "actions" }, block.elements.map((element) => interactive(source, block, element)));
}

function image(block) {
  return h(
    "figure",
    { class: "b-image" },
    block.title ? h("figcaption", {}, text(block.title)) : null,
    picture(block, "b-picture"),
  );
}

// Standard markdown, as far as Slack's own block shows it: close enough to its mrkdwn.
function markdown(block) {
  const same = block.text.replace(/\*\*(.+?)\*\*/g, "*$1*").replace(/^#{1,6} +(.+)$/gm, "*$1*").replace(/^[-*] /gm, "• ");
  return h("div", { class: "b-text" }, mrkdwn(same.replace(/\[([^\]]+)\]\((https?:[^)\s]+)\)/g, "<$2|$1>")));
}

const RENDER = {
  header, section, context, actions, image, markdown,
  context_actions: actions,
  divider: () => h("hr"),
  input: (block, source) => input(block, source),
  rich_text: richText,
  table,
};

export function blocks(source) {
  return (source.blocks ?? []).map((block) => {
    const render = RENDER[block.type];
    const shown = render ? render(block, source) : h("p", { class: "b-unknown" }, `(a block of type ${block.type})`);
    return h("div", { class: `block block-${block.type}` }, shown);
  });
}

const COLOURS = { good: "var(--ok)", warning: "var(--warn)", danger: "var(--bad)" };

export function attachments(source) {
  return (source.attachments ?? []).map((attachment) => {
    const box = h(
      "div",
      { class: "attachment" },
      attachment.title ? h("strong", {}, attachment.title) : null,
      attachment.text ? h("div", {}, mrkdwn(attachment.text)) : null,
      blocks({ ...source, blocks: attachment.blocks ?? [] }),
    );
    const named = COLOURS[attachment.color];
    const hex = /^#?[0-9a-f]{6}$/i.test(attachment.color ?? "") ? `#${attachment.color.replace("#", "")}` : null;
    // A property of the element's own style object is not an inline style attribute: CSP allows it.
    if (named || hex) box.style.setProperty("--stripe", named ?? hex);
    return box;
  });
}
