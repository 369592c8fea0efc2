// Permalinks into a log: #s2, #s2-l14, #s2-l14-l20. Lines count from 1 in addresses and from 0 in code. Pure.

const ANCHOR = /^#s(\d{1,6})(?:-l(\d{1,12})(?:-l(\d{1,12}))?)?$/i;

/** → {step, from, to} with lines from 0, both included, null where the address names only a step; or null. */
export function parseAnchor(hash) {
  const found = ANCHOR.exec(hash);
  if (!found) return null;
  const step = Number(found[1]);
  if (found[2] === undefined) return { step, from: null, to: null };
  const ends = [Number(found[2]), Number(found[3] ?? found[2])].map((line) => Math.max(0, line - 1));
  return { step, from: Math.min(...ends), to: Math.max(...ends) };
}

export function formatAnchor({ step, from, to }) {
  if (from === null || from === undefined) return `#s${step}`;
  return to === undefined || to === null || to === from
    ? `#s${step}-l${from + 1}`
    : `#s${step}-l${Math.min(from, to) + 1}-l${Math.max(from, to) + 1}`;
}

export function holds(anchor, step, line) {
  return Boolean(anchor) && anchor.step === step && anchor.from !== null && line >= anchor.from && line <= anchor.to;
}
