import type { Observer } from '../model/index.ts';
import { ExecutionMonitor } from '../observe/index.ts';

/** Flags that say who looks on while a run goes. */
export interface ObserverFlags {
  /** False: nobody measures. @default true */
  readonly monitor?: boolean;
}

/** Who looks on while a command runs something: what attempts use is measured unless that was not wanted. */
export function observersOf(flags: ObserverFlags): readonly Observer[] {
  return flags.monitor === false ? [] : [new ExecutionMonitor()];
}
