// The left side: channels with what is unread, the app's presence, and who one is.

import { byId, fill, h } from "./dom.js";
import { face, kindOf, nameOf } from "./message.js";
import { mine, state, unread } from "./store.js";

const NOTES = {
  U0OPERATOR: "may ask for repairs",
  U0APPROVER: "may approve repairs",
  U0APPROVER2: "may approve repairs",
  U0BYSTANDER: "may look and ask",
  U0GUEST: "is a guest here",
  U0STRANGER: "belongs to another company",
};

function entry(channel, go) {
  const here = channel.id === state.channel;
  const news = here ? 0 : unread(channel.id);
  const label = channel.is_im ? nameOf(state.bot) : channel.name;
  return h(
    "li",
    {},
    h(
      "button",
      {
        type: "button",
        class: `${here ? "here" : ""} ${news ? "unread" : ""}`.trim(),
        "aria-current": here ? "page" : null,
        "aria-label": news ? `${label}, ${news} unread` : null,
        data: { testid: `channel-${channel.id}` },
        on: { click: () => go(channel.id) },
      },
      h("span", { class: "sign", "aria-hidden": "true" }, channel.is_im ? "@" : channel.is_ext_shared ? "⇄" : "#"),
      h("span", { class: "name" }, label),
      news ? h("span", { class: "pill", "aria-hidden": "true" }, news > 99 ? "99+" : String(news)) : null,
    ),
  );
}

function redrawn(list, items) {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
  fill(list, items);
  if (focused) list.querySelector(`[data-testid="${focused}"]`)?.focus();
}

export function drawSide(go) {
  const seen = mine();
  redrawn(byId("channels"), seen.filter((c) => !c.is_im).map((channel) => entry(channel, go)));
  const direct = seen.filter((c) => c.is_im);
  redrawn(byId("direct"), direct.map((channel) => entry(channel, go)));
  byId("direct").hidden = byId("direct-title").hidden = direct.length === 0;

  const presence = byId("presence");
  const words = state.online ? "bot connected" : "bot not connected";
  if (presence.textContent !== words) presence.textContent = words;
  presence.classList.toggle("on", state.online);

  const total = seen.filter((c) => c.id !== state.channel).reduce((sum, c) => sum + unread(c.id), 0);
  document.title = `${total ? `(${total}) ` : ""}flannel-bot demo`;
}

export function drawMe(switchTo) {
  const select = byId("me");
  const people = [...state.users.values()].filter((user) => !user.is_bot);
  if (select.options.length !== people.length) {
    fill(select, people.map((user) => h("option", { value: user.id }, user.real_name)));
    select.onchange = () => switchTo(select.value);
  }
  select.value = state.me;
  const user = state.users.get(state.me);
  fill(byId("me-face"), face(user, "small"));
  const title = user?.profile?.title;
  byId("me-note").textContent = [title, NOTES[state.me] ?? kindOf(user)].filter(Boolean).join(" · ");
}
