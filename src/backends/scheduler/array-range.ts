/** Indices as systems take them that know only `first-last:step`; those of `holes` are covered and not meant. */
export interface ArrayRange {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly holes: readonly number[];
}

/**
 * The smallest range that covers all of these, so that they stay one submission: which is taken whole or not at all.
 *
 * @param elements ascending, at least one
 */
export function coveringRange(elements: readonly number[]): ArrayRange {
  const first = elements[0] ?? 0;
  const last = elements.at(-1) ?? first;
  let step = 0;
  for (const element of elements) step = greatestCommonDivisor(element - first, step);
  step = Math.max(1, step);
  const meant = new Set(elements);
  const holes: number[] = [];
  for (let element = first; element <= last; element += step) if (!meant.has(element)) holes.push(element);
  return { first, last, step, holes };
}

/** Euclid's. */
function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Whether these are a single job, not an array. */
export function isSingle(elements: readonly number[]): boolean {
  return elements.length === 1 && elements[0] === 0;
}
