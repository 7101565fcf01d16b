// Pictures and files. The page loads from its own server alone; what lies elsewhere is a link.

import { h, link } from "./dom.js";
import { state } from "./store.js";

// Files lie on this server, by whichever of its names the page was opened.
function near(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname.startsWith("/files-pri/") ? pathname + search : url;
}

const own = (url) => url.startsWith("data:image/") || new URL(url, location.href).origin === location.origin;

// Where a `slack_file` of an image block lies: it names a file by its id or by its address.
function ofSlack(reference) {
  if (reference?.url) return reference.url;
  for (const messages of state.messages.values()) {
    for (const message of messages.values()) {
      const found = message.files?.find((file) => file.id === reference?.id);
      if (found) return found.url_private;
    }
  }
  return reference?.id ? `/files-pri/${state.team.id}-${encodeURIComponent(reference.id)}` : "";
}

export function picture(image, classes) {
  const given = image.image_url ?? ofSlack(image.slack_file);
  const url = given && near(given);
  if (!url) return h("span", { class: `${classes} away` }, image.alt_text);
  if (!own(url)) return h("span", { class: `${classes} away` }, link(url, image.alt_text));
  // Known measures keep the place free, so that nothing moves when the picture comes.
  const { width, height } = image;
  const shown = h("img", { src: url, alt: image.alt_text, class: classes, width, height });
  shown.addEventListener("error", () => shown.replaceWith(h("span", { class: `${classes} away` }, `${image.alt_text} (cannot be shown)`)));
  return shown;
}

function size(bytes) {
  if (!Number.isFinite(bytes)) return "";
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

function one(file) {
  const name = file.title || file.name || file.id;
  const url = file.url_private ? near(file.url_private) : "";
  if (file.mimetype?.startsWith("image/") && url && own(url)) {
    return h("figure", { class: "b-image" }, h("figcaption", {}, name), picture({ image_url: url, alt_text: file.alt_txt || name, width: file.original_w, height: file.original_h }, "b-picture"));
  }
  const kind = file.filetype || (file.name ?? "").split(".").at(-1) || "file";
  const about = [file.mimetype, size(file.size)].filter(Boolean).join(" · ");
  const inside = [h("span", { class: "kind", "aria-hidden": "true" }, kind.slice(0, 5)), h("span", {}, h("b", {}, name), h("small", {}, about))];
  return h(
    "div",
    {},
    url ? h("a", { class: "file", href: new URL(url, location.href).href, target: "_blank", rel: "noopener noreferrer", download: file.name ?? true }, inside) : h("div", { class: "file" }, inside),
    file.preview ? h("pre", { tabindex: "0", "aria-label": `Beginning of ${name}` }, file.preview) : null,
  );
}

export function files(message) {
  if (!message.files?.length) return [];
  return [h("div", { class: "files" }, message.files.map(one))];
}
