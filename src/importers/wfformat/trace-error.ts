import { HeddleError } from '../../model/index.ts';

/** The error for a trace that can't be replayed: where in it, what is wrong there, and what to do. */
export function traceError(place: string, problem: string, hint: string): HeddleError {
  return new HeddleError('TRACE_INVALID', `${place}: ${problem}`, { details: { place }, hint });
}
