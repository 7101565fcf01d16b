// Run in the page by test_reach: every visible text against what is painted behind it.
() => {
  const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const paint = (...colours) => {
    context.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
    }
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      layers.unshift(colour);
      if (paint(colour)[3] === 255) break;
    }
    return ["white", ...layers];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.querySelector("dialog[open]") ?? document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (element.closest(".hidden, :disabled, option, script, noscript, .skip")) continue;
    const style = getComputedStyle(element);
    if (paint(style.color)[3] === 0) continue;
    seen += 1;
    const layers = behind(element);
    const found = ratio(paint(...layers, style.color), paint(...layers));
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (found < (large ? 3 : 4.5)) poor.push(`${found.toFixed(2)} ${element.className || element.tagName}: ${walker.currentNode.data.trim().slice(0, 40)}`);
  }
  for (const field of document.querySelectorAll("input[placeholder], textarea[placeholder]")) {
    if (!field.checkVisibility() || field.closest("dialog:not([open])")) continue;
    const layers = behind(field);
    const found = ratio(paint(...layers, getComputedStyle(field, "::placeholder").color), paint(...layers));
    if (found < 4.5) poor.push(`${found.toFixed(2)} placeholder: ${field.placeholder}`);
  }
  // Edges of what can be used, and the ring of the focus: 3 to 1 against every ground.
  const probe = document.body.appendChild(document.createElement("i"));
  const token = (name) => {
    probe.style.color = `var(--${name})`;
    return paint("white", getComputedStyle(probe).color);
  };
  for (const edge of ["edge", "accent", "bad"]) {
    for (const ground of ["ground", "raised", "sunk", "whisper"]) {
      const found = ratio(token(edge), token(ground));
      if (found < 3) poor.push(`${found.toFixed(2)} --${edge} on --${ground}`);
    }
  }
  probe.remove();
  return { seen, poor: [...new Set(poor)] };
}
