import type { Observer } from '../model/index.ts';
import { ExecutionMonitor, notify } from '../observe/index.ts';

/** Flags that say who looks on while a run goes. */
export interface ObserverFlags {
  /** False: nobody measures. @default true */
  readonly monitor?: boolean;
  /** Who is told of its end and of its first failure. */
  readonly notify?: readonly string[];
}

/**
 * Who looks on while a command runs something: what attempts use is measured unless that was not wanted, and people are told.
 * Where nobody is to be told, what earlier runs could not tell is still sent.
 */
export function observersOf(flags: ObserverFlags): readonly Observer[] {
  const monitor = flags.monitor === false ? [] : [new ExecutionMonitor()];
  return [...monitor, notify({ to: flags.notify ?? [] })];
}
