/** What is called where calls are measured. */

export function noop(): void {
  // Nothing: all that is measured is what surrounds it.
}

/** Never lets go of its thread. */
export function spin(): void {
  for (;;);
}
