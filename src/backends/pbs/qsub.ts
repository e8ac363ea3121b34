import { quoteWord } from '../../model/index.ts';
import type { NativeRequest, SubmitAnswer, ToolOutput } from '../scheduler/index.ts';

/** Exit code of ours, for what is not even asked. */
const NOT_ASKED = 2;

export function submitText({ scheduling }: NativeRequest, path: string): string {
  if (scheduling.qos !== undefined) {
    const why = `PBS has no quality of service ('${scheduling.qos}'): name a queue or an account, or add an option`;
    return `printf '%s\\n' ${quoteWord(why)} >&2; exit ${NOT_ASKED}`;
  }
  return `qsub ${quoteWord(path)}`;
}

/** Limits that others' ends lift, and doors that open again. */
const OPENS_AGAIN =
  /would exceed .*limit|maximum number of jobs|not enabled|not accepting|shutting down|server is busy|try again/i;
const NO_CONTACT =
  /cannot connect|connection (?:refused|timed out|reset)|communication failure|end of file|premature end|protocol error|no server|timed? ?out/i;

/** `12.server`, or `6[].server` of an array; behind whatever the site's own hooks print. */
export function readQsub({ code, stdout, stderr }: ToolOutput): SubmitAnswer {
  const why = stderr
    .trim()
    .replace(/^qsub: /gm, '')
    .replaceAll(/\s*\n\s*/g, '; ');
  if (code === 0) {
    const id = /^\d+(?:\[\])?(?:\.[\w.-]+)?$/.exec(stdout.trimEnd().split('\n').at(-1)?.trim() ?? '')?.[0];
    return id === undefined
      ? { kind: 'unknown', why: `qsub said ${JSON.stringify(stdout.slice(0, 200))}` }
      : { kind: 'accepted', id };
  }
  // PBS ends with the last byte of its error's number, which may look like a signal's; who was killed said nothing.
  if (why === '' || NO_CONTACT.test(stderr)) return { kind: 'unknown', why: why || `qsub ended with ${code}` };
  return { kind: 'refused', why, wait: OPENS_AGAIN.test(stderr) };
}
