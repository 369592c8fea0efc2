// What the reader chose and finds again: in the browser's storage, where there is one.

/** The value kept under `name`, or null. */
export function recall(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // storage is switched off
  }
}

/** Keep `value`; without storage it holds for this page. */
export function keep(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Nothing to keep it in.
  }
}
