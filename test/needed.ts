/**
 * Says whether what a test needs of this machine is there. Where it isn't, the test is skipped with the reason; in CI, where
 * everything is to be there, the file fails.
 */
export function needed(isThere: boolean, what: string): boolean {
  if (isThere) return true;
  if (process.env['CI'] !== undefined) throw new Error(`${what}: CI must have it`);
  console.warn(`skipped: ${what}`);
  return false;
}
