// Where one types: messages, and slash commands where there are any.

import { h } from "./dom.js";
import { post } from "./net.js";
import { changed, state } from "./store.js";
import { suggestions } from "./suggest.js";
import { seconds } from "./times.js";
import { eraseLine } from "./unread.js";

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const reference = /&lt;(@[A-Z0-9]+)&gt;/g; // typed as <@U0BOT>, which is how Slack's clients send it
const drafts = new Map();
const history = []; // what was sent, of all fields, oldest first

export class Composer {
  constructor({ testid, sendTestid, id, label, target }) {
    this.target = target; // () => {channel, thread_ts?}
    this.key = null;
    this.back = 0; // how far back in the history
    this.list = h("div", { class: "suggestions", role: "listbox", id: `${id}-list`, "aria-label": "Suggestions", hidden: true });
    this.field = h("textarea", {
      id,
      rows: 1,
      role: "combobox",
      "aria-label": label,
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": `${id}-list`,
      autocomplete: "off",
      spellcheck: "false",
      data: { testid },
      on: { input: () => this.#typed(), keydown: (event) => this.#key(event), blur: () => this.#offer([]) },
    });
    this.button = h(
      "button",
      { type: "submit", class: "send", "aria-label": "Send", title: "Send (Enter)", data: { testid: sendTestid } },
      h("span", { "aria-hidden": "true" }, "➤"),
    );
    this.note = h("p", { class: "hint", role: "status" });
    this.element = h(
      "form",
      { class: "composer", on: { submit: (event) => (event.preventDefault(), this.send()) } },
      this.list,
      h("div", { class: "field" }, this.field, this.button),
      this.note,
    );
  }

  // Changing the place keeps what was typed there.
  show(key, { placeholder, hint }) {
    this.field.placeholder = placeholder;
    if (key === this.key) return;
    if (this.key !== null) drafts.set(this.key, this.field.value);
    this.key = key;
    this.hint = hint;
    this.#say(hint);
    this.#set(drafts.get(key) ?? "");
  }

  #set(text) {
    this.field.value = text;
    this.button.disabled = !text.trim();
    this.#offer([]);
  }

  #typed() {
    this.back = 0;
    this.button.disabled = !this.field.value.trim();
    const { from, found } = suggestions(this.field.value, this.field.selectionStart);
    this.from = from;
    this.#offer(found);
  }

  #offer(found) {
    this.found = found.slice(0, 40);
    this.at = -1;
    this.list.hidden = !found.length;
    this.field.setAttribute("aria-expanded", String(found.length > 0));
    this.list.replaceChildren(
      ...this.found.map((one, index) =>
        h(
          "div",
          { role: "option", id: `${this.list.id}-${index}`, "aria-selected": "false", on: { mousedown: (event) => (event.preventDefault(), this.#take(index)) } },
          h("code", {}, one.label),
          h("span", {}, one.about),
        ),
      ),
    );
    this.#point(-1);
  }

  #point(index) {
    this.at = index;
    [...this.list.children].forEach((option, place) => option.setAttribute("aria-selected", String(place === index)));
    if (index < 0) this.field.removeAttribute("aria-activedescendant");
    else this.field.setAttribute("aria-activedescendant", `${this.list.id}-${index}`);
    this.list.children[index]?.scrollIntoView({ block: "nearest" });
  }

  #take(index) {
    const rest = this.field.value.slice(this.field.selectionStart);
    const start = this.field.value.slice(0, this.from) + this.found[index].text;
    this.#set(start + rest);
    this.field.setSelectionRange(start.length, start.length);
  }

  #key(event) {
    if (event.isComposing) return;
    const count = this.list.hidden ? 0 : this.found.length;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (count && step) {
      this.#point((Math.max(this.at, step > 0 ? -1 : 0) + step + count) % count);
    } else if (count && (event.key === "Tab" || (event.key === "Enter" && this.at >= 0)) && !event.shiftKey) {
      this.#take(Math.max(0, this.at));
    } else if (count && event.key === "Escape") {
      this.#offer([]);
      event.stopPropagation();
    } else if (step && this.#recall(-step)) {
      // An earlier text stands in the field now.
    } else if (event.key === "Enter" && !event.shiftKey) {
      this.send();
    } else {
      return;
    }
    event.preventDefault();
  }

  // Up in an empty field, or in one that shows an earlier text untouched, goes further back.
  #recall(step) {
    if (this.field.value && !this.back) return false;
    const back = this.back + step;
    if (back < 0 || back > history.length) return back < 0;
    this.#set(back ? history.at(-back) : "");
    this.back = back;
    return true;
  }

  #say(text, kind = "") {
    this.note.textContent = text;
    this.note.className = `hint ${kind}`.trim();
  }

  async send() {
    const text = this.field.value.trim();
    if (!text) return;
    const { channel, thread_ts } = this.target();
    const isCommand = text.startsWith("/");
    if (isCommand && thread_ts) {
      this.#say(`Commands do not work in threads. Mention @${state.users.get(state.bot)?.name} instead.`, "bad");
      return;
    }
    if (history.at(-1) !== text) history.push(text);
    this.back = 0;
    this.#set("");
    this.#say(isCommand ? "Sent, waiting for the app…" : this.hint, isCommand ? "busy" : "");
    eraseLine(channel);
    const at = Date.now() / 1000;
    const answer = isCommand
      ? await post("command", { user: state.me, channel, text })
      : await post("message", { user: state.me, channel, text: escaped(text).replace(reference, "<$1>"), thread_ts });
    if (answer.command_id) {
      state.asked.set(answer.command_id, { text, at });
      changed();
    }
    if (!answer.ok) {
      this.#say(`Not sent: ${answer.message ?? answer.error}`, "bad");
      if (!this.field.value) this.#set(text);
    } else if (isCommand && answer.acked) {
      this.#say(`Acknowledged after ${seconds(answer.latency_ms / 1000)}.`, "busy");
    } else {
      this.#say(this.hint);
    }
  }
}
