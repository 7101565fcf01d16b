// The left side: channels and apps with what is unread, the app's presence, and who one is.

import { byId, fill, h } from "./dom.js";
import { face, nameOf } from "./message.js";
import { roving } from "./roving.js";
import { direct, mine, state } from "./store.js";
import { unread } from "./unread.js";

let lists = null;

function entry({ id, label, sign, news, go }) {
  const here = id === state.channel;
  const told = news.count ? `${label}, ${news.count} unread${news.calls ? ", you are mentioned" : ""}` : null;
  return h(
    "li",
    {},
    h(
      "button",
      {
        type: "button",
        class: `${here ? "here" : ""} ${news.count ? "unread" : ""}`.trim(),
        "aria-current": here ? "page" : null,
        "aria-label": told,
        tabindex: "-1",
        data: { testid: `channel-${id}` },
        on: { click: () => go(id) },
      },
      h("span", { class: "sign", "aria-hidden": "true" }, sign),
      h("span", { class: "name" }, label),
      news.count
        ? h(
            "span",
            { class: `pill ${news.calls ? "calls" : ""}`.trim(), "aria-hidden": "true" },
            `${news.calls ? "@ " : ""}${news.count > 99 ? "99+" : news.count}`,
          )
        : null,
    ),
  );
}

function redrawn(list, entries) {
  const version = JSON.stringify([state.channel, entries]);
  if (list.dataset.drawn === version) return;
  list.dataset.drawn = version;
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
  fill(list, entries.map(entry));
  if (focused) list.querySelector(`[data-testid="${focused}"]`)?.focus();
}

export function drawSide(go) {
  lists ??= ["channels", "apps"].map((id) => roving(byId(id), { items: "button" }));
  const seen = mine().filter((channel) => !channel.is_im);
  redrawn(
    byId("channels"),
    seen.map((c) => ({ id: c.id, label: c.name, sign: c.is_ext_shared ? "⇄" : "#", news: here(c.id), go })),
  );
  const im = direct();
  const news = im && !(state.channel === "app" && state.tab === "messages") ? unread(im.id) : { count: 0 };
  redrawn(byId("apps"), [{ id: "app", label: nameOf(state.bot), sign: "◆", news, go }]);
  for (const list of lists) list.settle();
  const presence = byId("presence");
  const words = state.online ? "bot connected" : "bot not connected";
  if (presence.textContent !== words) presence.textContent = words;
  presence.className = `presence ${state.online ? "on" : "off"}`;
}

const here = (id) => (id === state.channel && document.hasFocus() ? { count: 0 } : unread(id));

export const enterChannels = () => lists?.[0].enter();

export function neighbour(step) {
  const ids = [...mine().filter((channel) => !channel.is_im).map((channel) => channel.id), "app"];
  return ids[(ids.indexOf(state.channel) + step + ids.length) % ids.length];
}

// Who may what, at a glance: a radio group, so the arrow keys go through the people.
export function drawPeople(become) {
  const list = byId("people-list");
  const people = [...state.users.values()].filter((user) => !user.is_bot);
  if (list.childElementCount !== people.length) {
    fill(
      list,
      people.map((user) =>
        h(
          "label",
          { class: "person", data: { testid: `person-${user.id}` } },
          h("input", { type: "radio", name: "me", value: user.id, "aria-describedby": `may-${user.id}`, on: { change: () => become(user.id) } }),
          face(user, "small"),
          h(
            "span",
            {},
            h("span", { class: "who" }, h("b", {}, user.real_name.split(" ")[0]), h("span", { class: "role" }, state.roles?.[user.id]?.role ?? "")),
            h("span", { class: "may", id: `may-${user.id}` }, state.roles?.[user.id]?.may ?? ""),
          ),
          h("span", { class: "mark", "aria-hidden": "true" }, "✓"),
        ),
      ),
    );
  }
  list.querySelector(`[value="${state.me}"]`).checked = true;
}
