import type { Clock, Logger, Redactor } from '../../model/index.ts';
import { type EndTarget, escalate } from '../../process/index.ts';
import { redactCapture } from '../workdir/index.ts';
import { sweepThen } from './contained.ts';
import type { LiveAttempt } from './live-attempt.ts';

/** Who ends things here. */
export interface Ender {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether anybody still wants to know. */
  readonly isOpen: () => boolean;
}

/** Ends what a job, this pid, has left where its launcher lives, then goes on. */
export function clear(live: LiveAttempt, pid: number, ender: Ender, whenClear: () => void): void {
  const then = (): void => sweepThen(live, ender, whenClear);
  const { launcher } = live;
  // Who is cancelled leaves nothing, not even what made itself a session of its own: that takes a look at everybody.
  const left = live.cancelling === undefined ? launcher?.left(pid) : live.remains({ withLauncher: false });
  if (left?.isAlive() === true) endPolitely(live, left, ender, then);
  else then();
}

/** Ends all that is left of an attempt without a launcher of ours; politely where it has ended by itself. */
export function endRemains(live: LiveAttempt, politely: boolean, ender: Ender, whenClear: () => void): void {
  const then = (): void => sweepThen(live, ender, whenClear);
  const target = live.remains({ withLauncher: !politely });
  if (!target.isAlive()) then();
  else if (politely) endPolitely(live, target, ender, then);
  else escalate(target, { clock: ender.clock, graceMs: 0, whenDead: then });
}

function endPolitely(live: LiveAttempt, target: EndTarget, { clock, isOpen }: Ender, then: () => void): void {
  const { cancelling, limits } = live;
  const graceMs = cancelling === undefined ? limits.graceMs : Math.max(0, cancelling.killAt - clock.now().mono);
  const whenDead = (): void => {
    if (isOpen()) then();
  };
  escalate(target, { clock, graceMs, whenDead });
}

/** Takes secrets out of what an attempt has said, before anything of that is read. Without room for it, its end is told all the same. */
export function redactThen(
  { directory }: LiveAttempt,
  redactor: Redactor,
  then: { readonly done: () => void; readonly failed: (error: unknown) => void },
): void {
  let redacting: void | Promise<void> = undefined;
  try {
    redacting = redactCapture(directory, redactor);
  } catch (error) {
    then.failed(error);
  }
  if (redacting instanceof Promise) redacting.catch(then.failed).then(then.done, then.failed);
  else then.done();
}
