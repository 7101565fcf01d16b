// A list is one stop of the Tab key; the arrows move inside it.

export function roving(list, { items, keys = {} }) {
  const all = () => [...list.querySelectorAll(items)];

  function settle() {
    const found = all();
    const at = found.find((item) => item.tabIndex === 0 && item.matches(items));
    for (const item of found) if (item !== at && item.getAttribute("tabindex") !== "-1") item.tabIndex = -1;
    if (!at && found.length) (found.find((item) => item.matches(".here")) ?? found.at(-1)).tabIndex = 0;
  }

  function move(item) {
    if (!item) return;
    for (const other of all()) other.tabIndex = other === item ? 0 : -1;
    item.focus();
    item.scrollIntoView({ block: "nearest" });
  }

  list.addEventListener("focusin", (event) => {
    const item = event.target.closest(items);
    if (item && item.tabIndex !== 0) for (const other of all()) other.tabIndex = other === item ? 0 : -1;
  });
  list.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || !event.target.matches(items)) return;
    const found = all();
    const at = found.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: found.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      move(found[Math.max(0, Math.min(to, found.length - 1))]);
    } else if (keys[event.key]) {
      event.preventDefault();
      keys[event.key](event.target);
    }
  });
  return { settle, move, all, enter: () => move(all().find((item) => item.tabIndex === 0) ?? all().at(-1)) };
}
