// Light, dark, or as the system has it: one button goes round.

import { byId } from "./dom.js";
import { keep, kept } from "./keep.js";

const NS = "http://www.w3.org/2000/svg";
const SHAPES = {
  system: "M10 2a8 8 0 1 0 0 16a8 8 0 1 0 0-16zM10 3.6v12.8a6.4 6.4 0 0 1 0-12.8z",
  light: "M10 6a4 4 0 1 0 0 8a4 4 0 1 0 0-8zM9.2 1h1.6v3H9.2zM9.2 16h1.6v3H9.2zM1 9.2h3v1.6H1zM16 9.2h3v1.6h-3zM3 4.1L4.1 3l2.2 2.2-1.1 1.1zM13.7 14.8l1.1-1.1 2.2 2.2-1.1 1.1zM3 15.9l2.2-2.2 1.1 1.1L4.1 17zM13.7 5.2L15.9 3 17 4.1l-2.2 2.2z",
  dark: "M8 2a8.2 8.2 0 1 0 10 10A7 7 0 0 1 8 2z",
};
const NEXT = { system: "light", light: "dark", dark: "system" };

const chosen = () => kept("theme", "system");

function draw() {
  const button = byId("theme");
  const theme = chosen();
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const icon = document.createElementNS(NS, "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 20 20", width: 16, height: 16, "aria-hidden": "true" })) icon.setAttribute(name, value);
  const path = document.createElementNS(NS, "path");
  path.setAttribute("d", SHAPES[theme]);
  path.setAttribute("fill", "currentColor");
  path.setAttribute("fill-rule", "evenodd");
  icon.append(path);
  button.replaceChildren(icon);
  const words = theme === "system" ? "as the system" : theme;
  button.setAttribute("aria-label", `Theme: ${words}. Change to ${NEXT[theme]}`);
  button.title = `Theme: ${words} (d)`;
}

export function changeTheme() {
  const next = NEXT[chosen()];
  keep("theme", next === "system" ? null : next);
  draw();
}

export function startTheme() {
  byId("theme").addEventListener("click", changeTheme);
  draw();
}
