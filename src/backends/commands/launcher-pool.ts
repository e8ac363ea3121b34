import { join, relative, sep } from 'node:path';
import { Launcher, type LauncherOptions } from '../../process/index.ts';

/** An idle launcher leaves at once; on a machine that is stuck it may not. */
const LEAVE_MS = 5000;

/**
 * Launchers of one backend. One is started when there is none idle, so there are as many as ever ran at once; above
 * `keep` an idle one leaves again.
 */
export class LauncherPool {
  readonly #options: LauncherOptions;
  readonly #keep: number;
  readonly #idle: Launcher[] = [];

  constructor(options: LauncherOptions, keep: number) {
    this.#options = options;
    this.#keep = keep;
  }

  /**
   * An idle launcher, a new one where there is none.
   *
   * @throws {HeddleError} BACKEND_UNAVAILABLE when none can be started
   */
  take(): Launcher {
    for (;;) {
      const launcher = this.#idle.pop();
      if (launcher === undefined) return Launcher.start(this.#options);
      if (launcher.idle) return launcher;
    }
  }

  /** Gives one back after its job. */
  put(launcher: Launcher): void {
    if (!launcher.idle) return;
    if (this.#idle.length < this.#keep) this.#idle.push(launcher);
    else launcher.stop();
  }

  /** Lets all idle ones leave, and waits for it; one that does not is killed: it has no job to lose. */
  async close(): Promise<void> {
    const leaving = this.#idle.splice(0);
    for (const launcher of leaving) launcher.stop();
    const timer = this.#options.clock.after(LEAVE_MS, () => {
      for (const launcher of leaving) launcher.kill();
    });
    await Promise.all(leaving.map((launcher) => launcher.gone));
    timer.cancel();
  }
}

/** A directory as the launcher is told it: relative to where it stands when that is below, since it reads bytewise. */
export function shortest(directory: string, cwd: string): string {
  return directory.startsWith(join(cwd, sep)) ? relative(cwd, directory) : directory;
}
