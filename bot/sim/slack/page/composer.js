// Where one types: messages, and slash commands where there are any.

import { h } from "./dom.js";
import { post } from "./net.js";
import { state } from "./store.js";

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const drafts = new Map();

export class Composer {
  constructor({ testid, sendTestid, id, label, target }) {
    this.target = target; // () => {channel, thread_ts?}
    this.key = null;
    this.field = h("textarea", {
      id,
      rows: 1,
      "aria-label": label,
      autocomplete: "off",
      spellcheck: "false",
      data: { testid },
      on: {
        input: () => this.#grow(),
        keydown: (event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            this.send();
          }
        },
      },
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
    this.field.value = drafts.get(key) ?? "";
    this.note.textContent = hint;
    this.note.classList.remove("bad");
    this.#grow();
  }

  #grow() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 200)}px`;
    this.button.disabled = !this.field.value.trim();
  }

  #say(text, bad) {
    this.note.textContent = text;
    this.note.classList.toggle("bad", bad);
  }

  async send() {
    const text = this.field.value.trim();
    if (!text) return;
    const { channel, thread_ts } = this.target();
    const isCommand = text.startsWith("/");
    if (isCommand && thread_ts) {
      this.#say(`Commands do not work in threads. Mention @${state.users.get(state.bot)?.name} instead.`, true);
      return;
    }
    this.field.value = "";
    this.#grow();
    this.#say(isCommand ? "Sent, waiting for the app…" : this.hint, false);
    const answer = isCommand
      ? await post("command", { user: state.me, channel, text })
      : await post("message", { user: state.me, channel, text: escaped(text), thread_ts });
    if (!answer.ok) {
      this.#say(`Not sent: ${answer.error}`, true);
      if (!this.field.value) this.field.value = text;
      this.#grow();
    } else if (isCommand && answer.acked) {
      this.#say(`Acknowledged after ${Math.round(answer.latency_ms)} ms.`, false);
    } else {
      this.#say(this.hint, false);
    }
  }
}
