// The words above the messages: what there is to see. They come as plain text.

import { byId, fill, h, link } from "./dom.js";
import { state } from "./store.js";

const ADDRESS = /(https?:\/\/[^\s<>"']+[^\s<>"'.,:;!?)])/;
const KEY = "banner-closed";

function words(line) {
  return line.split(ADDRESS).map((part) => (ADDRESS.test(part) ? link(part, part) : part));
}

function closed() {
  try {
    return sessionStorage.getItem(KEY) === state.banner;
  } catch {
    return false;
  }
}

function close() {
  byId("banner").hidden = true;
  try {
    sessionStorage.setItem(KEY, state.banner);
  } catch {
    // A browser without storage shows the banner again; that is all.
  }
}

export function drawBanner() {
  const banner = byId("banner");
  if (banner.dataset.text === state.banner) return;
  banner.dataset.text = state.banner;
  banner.hidden = !state.banner || closed();
  const out = [];
  let list = null;
  for (const line of state.banner.split("\n").filter((text) => text.trim())) {
    if (line.startsWith("- ")) {
      if (!list) out.push((list = h("ul")));
      list.append(h("li", {}, words(line.slice(2))));
    } else {
      list = null;
      out.push(h("p", {}, words(line)));
    }
  }
  fill(
    banner,
    h("div", { class: "banner-text" }, out),
    h("button", { type: "button", class: "close", "aria-label": "Hide this explanation", on: { click: close } }, h("span", { "aria-hidden": "true" }, "✕")),
  );
}
