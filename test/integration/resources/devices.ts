import { attemptContext } from '../../../src/calls/index.ts';

/** The devices a call was granted. */
export function devices(): readonly number[] {
  return attemptContext().gpus;
}
