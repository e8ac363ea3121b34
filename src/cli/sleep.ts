import { systemClock } from '../process/index.ts';

/** Waits, on this machine's clock. */
export async function sleep(ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    systemClock.after(ms, resolve);
  });
}
