import { asError, type LaunchAnswer, type Outcome } from '../model/index.ts';
import type { Call } from './call.ts';
import type { LaneOutcome } from './protocol.ts';
import type { LaneEnd } from './transport.ts';

const OK: Outcome = { kind: 'ok' };
export const CANCELLED: Outcome = { kind: 'cancelled', by: 'user' };
export const ACCEPTED: LaunchAnswer = { kind: 'accepted', handle: '' };

/** A call that is not made here, now or later. */
export function never(why: string): LaunchAnswer {
  return { kind: 'refused', retryable: false, why };
}

/** What a worker said of an end, as an outcome. */
export function outcomeOf(said: LaneOutcome): Outcome {
  switch (said.kind) {
    case 'ok':
      return said.value === undefined ? OK : { kind: 'ok', value: said.value };
    case 'error':
      return { kind: 'error', error: said.error };
    case 'cancelled':
      return { kind: 'cancelled', by: said.by };
  }
}

/** How a call ended in whose midst its worker did. */
export function outcomeOfDeath(call: Call, { outcome }: LaneEnd): Outcome {
  if (outcome.kind !== 'exit' && outcome.kind !== 'signal') return outcome;
  const stderr = [call.output?.stderrTail, outcome.stderr].filter((text) => text !== undefined && text !== '');
  return stderr.length === 0 ? outcome : { ...outcome, stderr: stderr.join('\n') };
}

/** How a call ends whose arguments cannot be sent. */
export function outcomeOfUnsent(thrown: unknown): Outcome {
  const { name, message } = asError(thrown);
  return { kind: 'error', error: { name, message: `the arguments cannot be sent: ${message}` } };
}
