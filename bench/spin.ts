/** Keeps its thread busy for so many microseconds: work of a known length, as a call. */
export function spin(microseconds: number): void {
  const end = performance.now() + microseconds / 1000;
  while (performance.now() < end);
}

/** Does nothing: what remains is the price of a call. */
export function nothing(): void {}
