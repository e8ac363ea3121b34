import { closeSync, openSync } from 'node:fs';

/** Open for nothing but to be given up; undefined before the first use, and while there is none to be had. */
let spare: number | undefined;

/**
 * Opens something of the system's where a process has no descriptor left: one is kept for that. Who cannot look would have
 * to say that nobody is there, and be wrong. What is opened is closed again before this returns.
 */
export function withSpareDescriptor<Answer>(look: () => Answer): Answer {
  spare ??= openSpare();
  try {
    return look();
  } catch (error) {
    if (spare === undefined || !isOutOfDescriptors(error)) throw error;
  }
  closeSync(spare);
  try {
    return look();
  } finally {
    spare = openSpare();
  }
}

/** Says whether an error means that this process, or the system, has as many open files as it may. */
export function isOutOfDescriptors(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EMFILE' || code === 'ENFILE';
}

function openSpare(): number | undefined {
  try {
    return openSync('/dev/null', 'r');
  } catch {
    return undefined;
  }
}
