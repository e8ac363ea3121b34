import { execCall } from '../../calls/index.ts';
import { systemClock } from '../../process/index.ts';
import type { Context } from '../main.ts';

/** Makes the call that stands in a file, and writes what became of it to another. A call that can't be read is bad input. */
export async function exec(_: Context, [callFile = '', resultFile = '', project]: readonly string[]): Promise<number> {
  return await execCall({ callFile, resultFile, project }, systemClock);
}
