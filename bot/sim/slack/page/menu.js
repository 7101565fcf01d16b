// A button that opens a menu: arrows inside, Escape and leaving close it.

import { h } from "./dom.js";

export function menuButton({ label, testid, classes, version }, items) {
  const holder = h("div", { class: "menu-holder", data: { v: version } });
  let list = null;
  const opener = h(
    "button",
    { type: "button", class: classes, "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": label, title: label, data: { testid }, on: { click: () => (list ? close(true) : open()) } },
    h("span", { "aria-hidden": "true" }, "⋯"),
  );

  function close(refocus) {
    const closing = list;
    list = null; // removing what has the focus calls here again
    closing?.remove();
    opener.setAttribute("aria-expanded", "false");
    if (refocus) opener.focus();
  }

  function open() {
    const pick = (act) => () => {
      close(true);
      act(opener);
    };
    const options = items().map(([words, act]) =>
      h("button", { type: "button", role: "menuitem", tabindex: "-1", on: { click: pick(act) } }, words),
    );
    list = h("div", { class: "options", role: "menu", "aria-label": label }, options);
    holder.append(list);
    opener.setAttribute("aria-expanded", "true");
    list.classList.toggle("above", list.getBoundingClientRect().bottom > holder.closest(".scroll")?.getBoundingClientRect().bottom);
    options[0]?.focus();
  }

  holder.addEventListener("keydown", (event) => {
    if (!list) return;
    const options = [...list.children];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) options[(options.indexOf(document.activeElement) + step + options.length) % options.length].focus();
    else if (event.key === "Escape") close(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  holder.addEventListener("focusout", (event) => !holder.contains(event.relatedTarget) && close(false));
  holder.append(opener);
  return holder;
}
