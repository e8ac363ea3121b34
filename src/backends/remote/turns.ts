import type { Clock } from '../../model/index.ts';

/** What takes a file or two each may be done so often before others have their turn of the loop. */
const AT_A_TIME = 32;

/** Goes through many of what takes the disk's time, without holding the loop. */
export async function inTurns<T>(
  clock: Clock,
  items: Iterable<T>,
  each: (item: T) => void | Promise<void>,
): Promise<void> {
  let done = 0;
  for (const item of items) {
    await each(item);
    done += 1;
    if (done % AT_A_TIME === 0) await new Promise<void>((resolve) => clock.soon(resolve));
  }
}
