/** Those who want to know when this process has nothing left to do. */
const told = new Set<() => void>();

function tell(): void {
  for (const callback of told) callback();
}

/**
 * Calls back when nothing is left to happen in this process, which would end now: what is still waited for comes from
 * nowhere else. Gives how to stop it. One listener, however many ask.
 */
export function whenProcessIsIdle(callback: () => void): () => void {
  if (told.size === 0) process.on('beforeExit', tell);
  told.add(callback);
  return () => {
    told.delete(callback);
    if (told.size === 0) process.off('beforeExit', tell);
  };
}
