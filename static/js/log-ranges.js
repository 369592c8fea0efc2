// Places in a line, told in characters of its text, as ranges of its element; and the way back. Touches no element.

const SURROGATE = /[\ud800-\udfff]/;

/** Spans [[from, to], …] in characters → in UTF-16 units, as the DOM counts. */
export function unitsOf(text, spans) {
  if (!SURROGATE.test(text)) return spans;
  const starts = [];
  let units = 0;
  for (const character of text) {
    starts.push(units);
    units += character.length;
  }
  return spans.map(([from, to]) => [starts[from] ?? units, starts[to] ?? units]);
}

/** The ranges that cover `spans` (in characters) of `element`'s text; what lies behind its end is left out. */
export function rangesOf(element, spans) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const nodes = [];
  let text = "";
  while (walker.nextNode()) {
    nodes.push([text.length, walker.currentNode]);
    text += walker.currentNode.data;
  }
  return unitsOf(text, spans)
    .filter(([from]) => from < text.length)
    .map(([from, to]) => {
      const range = document.createRange();
      range.setStart(...placeOf(nodes, from, false));
      range.setEnd(...placeOf(nodes, Math.min(to, text.length), true));
      return range;
    });
}

function placeOf(nodes, offset, isEnd) {
  let found = nodes[0];
  for (const node of nodes) if (isEnd ? node[0] < offset : node[0] <= offset) found = node;
  return [found[1], offset - found[0]];
}

/** How many UTF-16 units of `element`'s text stand before a point of the document. */
export function offsetIn(element, container, offset) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const isBefore = range.comparePoint(container, offset) < 0;
  if (isBefore) return 0;
  if (range.comparePoint(container, offset) > 0) return element.textContent.length;
  range.setEnd(container, offset);
  return range.toString().length;
}
