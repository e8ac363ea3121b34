/** Names longer than this are compared by how they begin. */
const COMPARED = 64;
/** Looks at no more names than this: it only serves a hint. */
const LOOKED_AT = 20_000;

/** Which known names somebody may have meant, best first: those that begin alike, hold the text, or differ by a slip. */
export function nearest(name: string, known: Iterable<string>, limit = 3): readonly string[] {
  const wanted = name.toLowerCase();
  const scored: { readonly name: string; readonly score: number }[] = [];
  let looked = 0;
  for (const candidate of known) {
    looked += 1;
    if (looked > LOOKED_AT) break;
    const score = distance(wanted, candidate.toLowerCase());
    if (score !== undefined) scored.push({ name: candidate, score });
  }
  return scored
    .sort((a, b) => a.score - b.score)
    .slice(0, limit)
    .map((entry) => entry.name);
}

function distance(wanted: string, candidate: string): number | undefined {
  if (wanted !== '' && candidate.startsWith(wanted)) return 0.5;
  if (wanted.length >= 3 && candidate.includes(wanted)) return 1;
  const edits = editDistance(wanted.slice(0, COMPARED), candidate.slice(0, COMPARED));
  return edits <= Math.max(1, Math.floor(wanted.length / 4)) ? edits : undefined;
}

/** Levenshtein's distance, one row at a time (Wagner and Fischer 1974). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
