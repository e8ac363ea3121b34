import { asError, type Outcome } from '../../model/index.ts';
import { collectOutputs, type Collection } from './collect.ts';

const ABORT_CODE = 134;

/** As `collectOutputs`; what is broken here is the outcome's error too, since the work is over and its end must be told. */
export async function collectOrError(collection: Collection): Promise<Outcome> {
  try {
    return await collectOutputs(collection);
  } catch (error) {
    const { name, message, stack } = asError(error);
    const code = (error as NodeJS.ErrnoException).code;
    return {
      kind: 'error',
      error: {
        name,
        message: `the outputs could not be collected: ${message}`,
        ...(code === undefined ? {} : { code }),
        ...(stack === undefined ? {} : { stack }),
      },
    };
  }
}

/** What a status other than 0 and the end of its stderr say alone: memory where V8 said so before it aborted. */
export function badEnd(status: number | string, said: string): Outcome {
  if ((status === 'SIGABRT' || status === ABORT_CODE) && said.includes('heap out of memory'))
    return { kind: 'memory', note: "JavaScript's heap limit was reached" };
  const stderr = said === '' ? {} : { stderr: said };
  return typeof status === 'number'
    ? { kind: 'exit', code: status, ...stderr }
    : { kind: 'signal', signal: status, ...stderr };
}
