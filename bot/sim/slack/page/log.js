// A list of messages kept in step with the store: only what changed is drawn again.

import { h } from "./dom.js";
import { messageElement } from "./message.js";
import { morph } from "./morph.js";
import { roving } from "./roving.js";
import { state } from "./store.js";
import { dayOf } from "./times.js";

const NEAR = 90; // pixels from the end that still count as the end
const TOGETHER = 300; // seconds within which one author's messages stand together

// Inside a message, Tab goes through what can be used; between messages the arrows do.
const INNER = "a[href], button:not([role]), select, input, textarea, pre, .table";

function reachable(message, on) {
  for (const inner of message?.querySelectorAll(INNER) ?? []) inner.tabIndex = on ? 0 : -1;
}

export class Log {
  constructor(list, scroll, { open = null } = {}) {
    this.list = list;
    this.scroll = scroll;
    this.open = open;
    this.drawn = new Map(); // key -> {version, element}
    this.name = null;
    this.places = new Map(); // where the reader was in the logs shown before
    this.pinned = true; // the reader is at the end, and stays there when things change their size
    this.rove = roving(list, {
      items: ".message",
      keys: {
        Enter: (item) => item.querySelector("[data-testid^='thread-open-']")?.click(),
        ArrowRight: (item) => item.querySelector("button, a, select, summary, pre")?.focus(),
      },
    });
    this.inside = null; // the message whose controls are stops of the Tab key
    list.addEventListener("focusin", (event) => {
      const message = event.target.closest(".message");
      if (message === this.inside) return;
      reachable(this.inside, false);
      reachable(message, true);
      this.inside = message;
    });
    // A scroll that comes with a change of size is the browser's doing, not the reader's.
    this.size = null;
    const size = () => `${scroll.clientHeight} ${scroll.scrollHeight}`;
    scroll.addEventListener("scroll", () => size() === this.size && (this.pinned = this.atEnd), { passive: true });
    const watch = new ResizeObserver(() => {
      if (this.pinned) this.toEnd();
      this.size = size();
    });
    watch.observe(scroll);
    watch.observe(list);
  }

  get atEnd() {
    return this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < NEAR;
  }

  toEnd() {
    this.pinned = true;
    this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  // Answers whether something new came that the reader has not in view.
  show(name, messages, { parent = null, line = null } = {}) {
    const fresh = this.name !== name;
    if (fresh) {
      if (this.name) this.places.set(this.name, this.pinned ? null : this.scroll.scrollTop);
      this.drawn.clear();
      this.list.replaceChildren();
      this.name = name;
    }
    const follow = fresh || this.pinned;
    const added = this.#draw(this.#items(messages, { parent, line }), fresh);
    this.rove.settle();
    const place = fresh ? this.places.get(name) : null;
    if (place) {
      this.pinned = false;
      this.scroll.scrollTop = place;
    } else if (follow) {
      this.toEnd();
    }
    return added > 0 && !follow;
  }

  #draw(wanted, fresh) {
    let added = 0;
    const keys = new Set(wanted.map((item) => item.key));
    for (const [key, { element }] of this.drawn) {
      if (keys.has(key)) continue;
      element.remove();
      this.drawn.delete(key);
    }
    let before = this.list.firstChild;
    for (const item of wanted) {
      const present = this.drawn.get(item.key);
      let element = present?.element;
      if (!present) {
        element = item.make();
        reachable(element, false);
        if (item.counts) added += 1;
        if (!fresh) element.classList.add("arrived");
      } else if (!item.version.every((part, index) => part === present.version[index])) {
        this.#change(element, item.make());
      }
      this.drawn.set(item.key, { version: item.version, element });
      if (element === before) before = before.nextSibling;
      else this.list.insertBefore(element, before);
    }
    return added;
  }

  #change(element, fresh) {
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    morph(element, fresh);
    reachable(element, element === this.inside);
    if (!focused || focused.isConnected) return;
    const again = element.querySelector(`[data-testid="${CSS.escape(focused.dataset.testid ?? "")}"]`);
    (again ?? element).focus({ preventScroll: true });
  }

  #items(messages, { parent, line }) {
    const items = [];
    let previous = null;
    let day = null;
    for (const message of messages) {
      const its = dayOf(message.ts);
      if (its !== day && !parent) {
        items.push({ key: `day ${its}`, version: [], make: () => h("li", { class: "day" }, h("span", {}, its)) });
        previous = null;
      }
      day = its;
      if (line === message.ts) {
        const make = () => h("li", { class: "fresh", data: { testid: "new-line" } }, h("span", {}, "New"));
        items.push({ key: "line", version: [], make });
        previous = null;
      }
      const compact = together(previous, message);
      const options = { compact, open: this.open, inThread: Boolean(parent) };
      if (parent === message.ts) Object.assign(options, { testid: `thread-parent-${message.ts}`, open: null });
      items.push({
        key: message.ts,
        counts: true,
        version: [message, compact, this.news?.(message) ?? 0, state.asked.get(message.command_id)],
        make: () => messageElement(message, { ...options, news: this.news?.(message) ?? 0 }),
      });
      previous = message;
    }
    return items;
  }
}

function together(previous, message) {
  if (!previous || previous.user !== message.user) return false;
  if ([previous, message].some((m) => m.is_ephemeral || m.ghost || m.blocks?.length || m.files?.length)) return false;
  return message.subtype === undefined && Number(message.ts) - Number(previous.ts) < TOGETHER;
}
