import { baseEnvironment } from '../process/index.ts';

/** What a call sees of our environment: the allow-list of all tasks. What it declares comes with each call. */
export function laneEnvironment(): Record<string, string> {
  return baseEnvironment();
}
