// Where a log of any length stands in a scroll box of limited height. Pure: rows and pixels, no DOM.

// Browsers cap the height of an element (Firefox near 17.8 million pixels, Chromium near 33.5 million).
export const MAX_PIXELS = 15_000_000;

/** Height of the box's content for `rows` rows. → {pixels, isScaled}; scaled where a pixel is more than a pixel. */
export function contentHeight(rows, rowHeight, maxPixels = MAX_PIXELS) {
  const wanted = rows * rowHeight;
  return { pixels: Math.min(wanted, maxPixels), isScaled: wanted > maxPixels };
}

/** The last position that shows the end: a row and a part of it, as one number. */
export function lastPosition(rows, rowHeight, viewport) {
  return Math.max(0, rows - viewport / rowHeight);
}

/** scrollTop → position (row and a part of it) of the viewport's upper edge. */
export function positionAt(scrollTop, { pixels, viewport, last }) {
  const range = pixels - viewport;
  return range <= 0 ? 0 : clamp(scrollTop / range, 0, 1) * last;
}

/** position → scrollTop; the inverse of positionAt. */
export function scrollTopOf(position, { pixels, viewport, last }) {
  const range = pixels - viewport;
  return range <= 0 || last <= 0 ? 0 : clamp(position / last, 0, 1) * range;
}

/** The rows to have in the document: [first, end). */
export function windowOf(position, { rows, rowHeight, viewport, overscan }) {
  const first = clamp(Math.floor(position) - overscan, 0, rows);
  const end = clamp(Math.ceil(position + viewport / rowHeight) + overscan, 0, rows);
  return [first, end];
}

/** Which pieces of `size` lines hold the lines [from, end). → indexes of the pieces */
export function piecesOf(from, end, size) {
  const pieces = [];
  for (let piece = Math.floor(from / size); piece * size < end; piece += 1) pieces.push(piece);
  return pieces;
}

export function clamp(value, low, high) {
  return Math.max(low, Math.min(high, value));
}
