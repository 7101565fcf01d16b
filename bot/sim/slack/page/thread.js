// The pane with a message, what was answered, and a field to answer in.

import { Composer } from "./composer.js";
import { fill, h } from "./dom.js";
import { Log } from "./log.js";
import { closePane, openPane, pane, paneHead } from "./panes.js";
import { changed, message, replies, state } from "./store.js";
import { markThreadRead } from "./unread.js";

export class Thread {
  constructor() {
    this.list = h("ol", { class: "log" });
    this.scroll = h("div", { class: "scroll", role: "log", "aria-live": "off", "aria-label": "Thread messages" }, this.list);
    this.where = h("p", {});
    this.composer = new Composer({
      testid: "thread-composer",
      sendTestid: "thread-send",
      id: "thread-composer",
      label: "Reply",
      target: () => ({ channel: state.thread.channel, thread_ts: state.thread.ts }),
    });
    fill(
      pane("thread"),
      paneHead(h, "Thread", this.where, "thread-close"),
      this.scroll,
      h("div", { class: "compose" }, this.composer.element),
    );
    this.log = new Log(this.list, this.scroll);
  }

  open(root, { focus = true } = {}) {
    const opener = document.querySelector(`[data-testid="thread-open-${root.ts}"]`);
    state.thread = { channel: root.channel, ts: root.ts };
    openPane("thread", opener);
    changed();
    if (focus) queueMicrotask(() => this.composer.field.focus({ preventScroll: true }));
  }

  draw() {
    if (!state.thread) return;
    const root = message(state.thread.channel, state.thread.ts);
    if (!root) return closePane({ refocus: false });
    const answers = replies(root.channel, root.ts);
    markThreadRead(root.channel, root.ts, answers);
    const channel = state.channels.get(root.channel);
    this.where.textContent = channel?.is_im ? "direct message" : `#${channel?.name}`;
    this.composer.show(`${state.me} ${root.channel} ${root.ts}`, {
      placeholder: "Reply…",
      hint: `Mention @${state.users.get(state.bot)?.name} to ask something here.`,
    });
    this.log.show(`${state.me} ${root.channel} ${root.ts}`, [root, ...answers], { parent: root.ts });
  }
}
