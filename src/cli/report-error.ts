import { asError, ERROR_CODES, HeddleError } from '../model/index.ts';
import { type Output } from './output.ts';

/** Says on stderr what went wrong and what to do, and gives the exit code. What nobody foresaw exits with 4. */
export function reportError(
  thrown: unknown,
  { output, debug }: { readonly output: Output; readonly debug: boolean },
): number {
  const error = asError(thrown);
  output.say(`${output.style(['red', 'bold'], 'heddle:')} ${error.message}`);
  if (HeddleError.is(thrown)) {
    if (thrown.hint !== undefined) for (const line of thrown.hint.split('\n')) output.say(`  ${line}`);
    if (debug) sayStack(error, output);
    return ERROR_CODES[thrown.code].exit;
  }
  if (debug) sayStack(error, output);
  else output.say('  this was not foreseen: --debug says where it came from');
  return 4;
}

function sayStack(error: Error, output: Output): void {
  output.say(error.stack ?? error.message);
  if (error.cause !== undefined) {
    output.say('caused by:');
    sayStack(asError(error.cause), output);
  }
}
