import { Launcher, type LauncherOptions } from '../../process/index.ts';

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

  /** Lets all idle ones leave, and waits for it. */
  async close(): Promise<void> {
    const leaving = this.#idle.splice(0);
    for (const launcher of leaving) launcher.stop();
    await Promise.all(leaving.map((launcher) => launcher.gone));
  }
}
