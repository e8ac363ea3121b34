import { type CallOutcome, decodeValue, encodeValue, reviveError, serializeError } from '../../calls/index.ts';
import { type AttemptOrder, formatBytes, HeddleError, isLargerThan, MAX_VALUE_BYTES } from '../../model/index.ts';
import type { MakeCall } from '../in-process/index.ts';
import type { CustomBackendOptions, CustomTask } from './custom-backend.ts';

/** Makes calls by way of the user's function: what that returns or throws is how they end. */
export function makeThrough(executeTask: CustomBackendOptions['executeTask']): MakeCall {
  return async (order, make, signal) => {
    let made: CallOutcome | undefined;
    let thrown: unknown;
    const execute = async (): Promise<unknown> => {
      made = await make();
      if (made.kind === 'ok') return made.value === undefined ? undefined : decodeValue(made.value);
      thrown = made.kind === 'error' ? reviveError(made.error) : signal.reason;
      throw thrown;
    };
    try {
      const returned = await executeTask(taskOf(order, execute), signal);
      if (signal.aborted) return CANCELLED;
      return { kind: 'ok', value: checkedValue(returned) };
    } catch (error) {
      // What the function itself threw is told as it was.
      if (made !== undefined && error === thrown) return made;
      return signal.aborted ? CANCELLED : { kind: 'error', error: serializeError(error) };
    }
  };
}

const CANCELLED: CallOutcome = { kind: 'cancelled', by: 'user' };

/** An attempt as the user's function is given it. */
export function taskOf(order: AttemptOrder, execute: () => Promise<unknown>): CustomTask {
  const { run, job, attempt, fence, directory, work } = order;
  return { run, job, attempt, fence, directory, work, execute };
}

function checkedValue(returned: unknown): ReturnType<typeof encodeValue> {
  const value = encodeValue(returned);
  if (!isLargerThan(value, MAX_VALUE_BYTES)) return value;
  throw new HeddleError('VALUE_TOO_LARGE', `the result is larger than ${formatBytes(MAX_VALUE_BYTES)}`, {
    hint: 'write it to a file, and return where that is',
  });
}
