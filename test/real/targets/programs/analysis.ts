/** Fits nothing: enough to have a function that travels. */
export function analyze({ offset }: { readonly offset: number }): { readonly sum: number } {
  return { sum: [1, 2, 3].reduce((sum, n) => sum + n, offset) };
}
