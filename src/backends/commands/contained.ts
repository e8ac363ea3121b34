import { asError, type AttemptOrder, type ContainerSpec } from '../../model/index.ts';
import { runCommand } from '../../process/index.ts';
import { containerFor, containerSweep, readContainer } from '../containers/index.ts';
import type { Ender } from './ending.ts';
import type { LiveAttempt } from './live-attempt.ts';

const SWEEP_MS = 60_000;

/** Of containers that live beside their client their runtime bounds the memory, not we. */
function livesBeside(runtime: ContainerSpec['runtime']): boolean {
  return runtime === 'podman' || runtime === 'docker';
}

/** The memory our own group is to bound; undefined: none. */
export function boundedBytes(order: Pick<AttemptOrder, 'container' | 'grant'>): number | undefined {
  return livesBeside(containerFor(order)?.runtime) ? undefined : order.grant.memoryBytes;
}

/** Whether of an attempt nothing but the client of its container is a process of ours: what that uses says nothing. */
export function isElsewhere({ container, directory }: Pick<LiveAttempt, 'container' | 'directory'>): boolean {
  return container !== undefined && livesBeside(container.runtime ?? readContainer(directory)?.runtime);
}

/**
 * Goes on when no container of an attempt is left: at once where it ran in none, or its own text has seen to it; else what is
 * there is killed and removed. A runtime that does not answer is told of, and keeps nobody waiting for ever.
 */
export function sweepThen(live: LiveAttempt, { clock, logger, isOpen }: Ender, then: () => void): void {
  const { container, directory, attempt, cancelling } = live;
  if (container === undefined) return then();
  const record = readContainer(directory);
  // Of who was told to end nothing is taken on trust: its client may have been killed in the middle of making it.
  if (record?.state === 'ended' && cancelling === undefined) return then();
  const script = containerSweep({ runtime: record?.runtime ?? container.runtime }, attempt);
  if (script === '') return then();
  runCommand(['/bin/sh', '-c', script], { clock, timeoutMs: SWEEP_MS })
    .catch((error: unknown) => {
      logger.warn({ error: asError(error).message }, `cannot remove what may be left of the container of ${attempt}`);
    })
    .then(
      () => isOpen() && then(),
      () => undefined,
    );
}
