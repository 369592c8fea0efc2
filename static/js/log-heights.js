// How high drawn rows are: wrapped lines differ, so that pixels become rows only where rows are drawn.

/** `drawn` is row → element. The position that is `pixels` further than `position`, as far as rows are drawn. */
export function movedBy(drawn, position, pixels) {
  let row = Math.floor(position);
  let part = position - row;
  let left = Math.abs(pixels);
  if (pixels >= 0) {
    for (; drawn.has(row); row += 1, part = 0) {
      const height = drawn.get(row).offsetHeight;
      const rest = height * (1 - part);
      if (rest > left) return row + part + left / height;
      left -= rest;
    }
    return row;
  }
  for (; drawn.has(row); row -= 1, part = 1) {
    const height = drawn.get(row).offsetHeight;
    const rest = height * part;
    if (rest >= left) return row + part - left / height;
    left -= rest;
  }
  return row + 1;
}

/** The position at which the last row stands at the lower edge, or null while the rows there are not drawn. */
export function endPosition(drawn, count, viewport) {
  let row = count - 1;
  let room = viewport;
  for (; row >= 0 && drawn.has(row); row -= 1) {
    const { offsetHeight } = drawn.get(row);
    if (offsetHeight >= room) return row + 1 - room / offsetHeight;
    room -= offsetHeight;
  }
  return row < 0 ? 0 : null;
}

/** Where the lower edge of an element is, in pixels below the upper edge of the pane. */
export function bottomOf(element, pane) {
  if (!element) return Infinity;
  return element.getBoundingClientRect().bottom - pane.getBoundingClientRect().top - pane.clientTop;
}
