import { openComponents } from './components.ts';

/** Vitest's global set-up of the `backends` tier: one directory for the run's components, and nothing left of them after it. */
export async function setup(): Promise<() => Promise<void>> {
  return await openComponents();
}
