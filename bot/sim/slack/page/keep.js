// What this browser remembers of its reader's choices. Without storage nothing is remembered.

export function kept(name, otherwise = null) {
  try {
    return localStorage.getItem(name) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // A private window: the choice lasts as long as the page.
  }
}
