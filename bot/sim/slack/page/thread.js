// The pane at the right: a message, what was answered, and a field to answer in.

import { Composer } from "./composer.js";
import { byId, fill, h } from "./dom.js";
import { Log } from "./log.js";
import { changed, message, replies, state } from "./store.js";

export class Thread {
  constructor() {
    this.pane = byId("thread");
    this.list = h("ol", { class: "log", role: "log", "aria-live": "polite", "aria-relevant": "additions", "aria-label": "Thread" });
    this.scroll = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Thread messages" }, this.list);
    this.where = h("p", {});
    this.close = h(
      "button",
      { type: "button", class: "close", "aria-label": "Close thread", title: "Close (Esc)", data: { testid: "thread-close" }, on: { click: () => this.hide() } },
      h("span", { "aria-hidden": "true" }, "✕"),
    );
    this.composer = new Composer({
      testid: "thread-composer",
      sendTestid: "thread-send",
      id: "thread-composer",
      label: "Reply",
      target: () => ({ channel: state.thread.channel, thread_ts: state.thread.ts }),
    });
    fill(
      this.pane,
      h("header", { class: "bar" }, h("div", { class: "bar-text" }, h("h2", {}, "Thread"), this.where), this.close),
      this.scroll,
      h("div", { class: "compose" }, this.composer.element),
    );
    this.log = new Log(this.list, this.scroll);
    this.opener = null;
  }

  open(root) {
    this.opener = root.ts;
    state.thread = { channel: root.channel, ts: root.ts };
    this.log.name = null;
    changed();
    queueMicrotask(() => this.composer.field.focus({ preventScroll: true }));
  }

  hide() {
    state.thread = null;
    changed();
    document.querySelector(`[data-testid="thread-open-${this.opener}"]`)?.focus();
  }

  draw() {
    const root = state.thread && message(state.thread.channel, state.thread.ts);
    this.pane.hidden = !root;
    document.body.classList.toggle("with-thread", Boolean(root));
    if (!root) return;
    const channel = state.channels.get(root.channel);
    this.where.textContent = channel?.is_im ? "direct message" : `#${channel?.name}`;
    this.composer.show(`${state.me} ${root.channel} ${root.ts}`, {
      placeholder: "Reply…",
      hint: `Mention @${state.users.get(state.bot)?.name} to ask something here.`,
    });
    this.log.show(`${state.me} ${root.channel} ${root.ts}`, [root, ...replies(root.channel, root.ts)], { parent: root.ts });
  }
}
