import type { Clock } from '../../model/index.ts';
import type { Transport } from '../transport/index.ts';
import type { HostAttempt } from './host-attempt.ts';
import { killText, terminateText } from './host-scripts.ts';

export interface HostEnderOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Whether its end is still awaited. */
  readonly isLive: (attempt: HostAttempt) => boolean;
  /** Somebody was told to end: it is worth a look. */
  readonly pushed: () => void;
}

/** Ends attempts on one machine: their wrappers are asked, and when their time has passed all that carries their id is killed. */
export class HostEnder {
  readonly #options: HostEnderOptions;

  constructor(options: HostEnderOptions) {
    this.#options = options;
  }

  /** A second time only shortens the first one's patience. */
  cancel(attempt: HostAttempt, graceMs: number): void {
    const { clock, isLive } = this.#options;
    const isFirst = attempt.cancelling === undefined;
    if (attempt.cancelling !== undefined && attempt.cancelling.graceMs <= graceMs) return;
    attempt.cancelling = { ...attempt.cancelling, graceMs };
    clock.after(graceMs, () => {
      if (!isLive(attempt)) return;
      attempt.isForced = true;
      void this.push([attempt]);
    });
    if (isFirst) void this.push([attempt]);
  }

  /** Tells those who were cancelled, as far as they have come; again and again, until they have ended. */
  async push(attempts: readonly HostAttempt[]): Promise<void> {
    const { transport, clock, pushed } = this.#options;
    const polite = attempts.filter(({ isForced, cancelling }) => !isForced && cancelling?.sentAt === undefined);
    const forced = attempts.filter(({ isForced }) => isForced);
    const now = clock.now().mono;
    if (polite.length > 0) {
      for (const { cancelling } of polite) if (cancelling !== undefined) cancelling.sentAt = now;
      const answer = await transport.run(terminateText(polite));
      if (answer.kind !== 'ended')
        for (const { cancelling } of polite) if (cancelling !== undefined) delete cancelling.sentAt;
    }
    if (forced.length > 0) await transport.run(killText(forced));
    pushed();
  }

  /** Kills what still lives of it; false where that could not be seen to the end. */
  async sweep(attempt: HostAttempt): Promise<boolean> {
    const answer = await this.#options.transport.run(killText([attempt]));
    return answer.kind === 'ended' && Buffer.from(answer.stdout).toString('utf8').trim() === '';
  }
}
