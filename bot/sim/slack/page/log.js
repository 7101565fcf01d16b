// A list of messages kept in step with the store: only what changed is drawn again.

import { h } from "./dom.js";
import { messageElement } from "./message.js";
import { dayOf } from "./times.js";

const NEAR = 90; // pixels from the end that still count as the end
const TOGETHER = 300; // seconds within which one author's messages stand together

export class Log {
  constructor(list, scroll, { open = null } = {}) {
    this.list = list;
    this.scroll = scroll;
    this.open = open;
    this.drawn = new Map(); // key -> {version, element}
    this.name = null;
    this.pinned = true; // the reader is at the end, and stays there when things change their size
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
    this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  // Answers whether something new came that the reader has not in view.
  show(name, messages, { parent = null } = {}) {
    const fresh = this.name !== name;
    if (fresh) {
      this.drawn.clear();
      this.list.replaceChildren();
      this.name = name;
    }
    const follow = fresh || this.pinned;
    let added = 0;
    const wanted = this.#items(messages, parent);
    const keys = new Set(wanted.map((item) => item.key));
    for (const [key, { element }] of this.drawn) {
      if (!keys.has(key)) {
        element.remove();
        this.drawn.delete(key);
      }
    }
    let before = this.list.firstChild;
    for (const item of wanted) {
      const present = this.drawn.get(item.key);
      let element = present?.element;
      if (!present || present.version !== item.version) {
        element = item.make();
        if (present) {
          this.#replace(present.element, element);
          if (before === present.element) before = element;
        } else {
          added += 1;
          if (!fresh) element.classList.add("arrived");
        }
        this.drawn.set(item.key, { version: item.version, element });
      }
      if (element === before) before = before.nextSibling;
      else this.list.insertBefore(element, before);
    }
    if (follow) {
      this.pinned = true;
      this.toEnd();
    }
    return added > 0 && !follow;
  }

  #replace(old, element) {
    const focused = old.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
    element.classList.add("changed");
    old.replaceWith(element);
    if (focused) element.querySelector(`[data-testid="${CSS.escape(focused)}"]`)?.focus();
  }

  #items(messages, parent) {
    const items = [];
    let previous = null;
    let day = null;
    for (const message of messages) {
      const its = dayOf(message.ts);
      if (its !== day && !parent) {
        items.push({ key: `day ${its}`, version: its, make: () => h("li", { class: "day" }, h("span", {}, its)) });
        previous = null;
      }
      day = its;
      const compact =
        previous !== null &&
        !message.is_ephemeral &&
        !previous.is_ephemeral &&
        previous.user === message.user &&
        !message.blocks?.length &&
        !previous.blocks?.length &&
        message.subtype === undefined &&
        Number(message.ts) - Number(previous.ts) < TOGETHER;
      const options = { compact, open: this.open };
      if (parent === message.ts) {
        options.testid = `thread-parent-${message.ts}`;
        options.open = null;
      }
      items.push({
        key: message.ts,
        version: JSON.stringify([message, compact]),
        make: () => messageElement(message, options),
      });
      previous = message;
    }
    return items;
  }
}
