// Changes what is shown into what should be shown and touches nothing else: an edit of a live
// card moves no scroll position, closes no menu, drops no selection and does not flicker.

const KEPT = new Set(["tabindex", "class", "open"]);

function attributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!KEPT.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (!KEPT.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const arrived = old.classList.contains("arrived");
  if (old.getAttribute("class") !== fresh.getAttribute("class")) {
    if (fresh.hasAttribute("class")) old.setAttribute("class", fresh.getAttribute("class"));
    else old.removeAttribute("class");
    if (arrived) old.classList.add("arrived");
  }
}

// Listeners know the data they were made with. `data-v` holds all of it, so a control is kept
// only where that is the same, and is put in anew where it is not.
const same = (old, fresh) =>
  old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && old.dataset?.v === fresh.dataset?.v;

export function morph(old, fresh) {
  if (!same(old, fresh)) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.getAttribute("aria-busy") === "true") return;
  attributes(old, fresh);
  if (old.dataset.v) {
    if (!old.isEqualNode(fresh) && !old.matches("select, input, textarea, .menu-holder")) {
      old.replaceChildren(...fresh.childNodes);
    }
    return;
  }
  const before = [...old.childNodes];
  const after = [...fresh.childNodes];
  after.forEach((node, index) => (before[index] ? morph(before[index], node) : old.append(node)));
  for (const node of before.slice(after.length)) node.remove();
}
