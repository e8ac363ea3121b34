import { quoteWord } from '../../model/index.ts';
import type { NativeRequest, SubmitAnswer, ToolOutput } from '../scheduler/index.ts';

/** Exit code of ours, for what is not even asked. */
const NOT_ASKED = 2;

export function submitText({ scheduling }: NativeRequest, path: string): string {
  if (scheduling.qos !== undefined) {
    const why = `Grid Engine has no quality of service ('${scheduling.qos}'): name a queue or a project, or add an option`;
    return `printf '%s\\n' ${quoteWord(why)} >&2; exit ${NOT_ASKED}`;
  }
  return `qsub -terse ${quoteWord(path)}`;
}

/** What `qsub` exits with where a count of jobs is reached. */
const TOO_MANY = 25;
const OPENS_AGAIN = /jobs are allowed per|would exceed|quota|try again later|max_u?_?jobs/i;
const NO_CONTACT =
  /unable to (?:contact|send message|reach|connect)|can't (?:connect|contact)|got (?:no response|select error|send error|read error)|commlib error|timed? ?out|communication error/i;
const KILLED = 128;

/** `12`, or `5.1-5:2` of an array; behind whatever the site's own checks print. */
export function readQsub({ code, stdout, stderr }: ToolOutput): SubmitAnswer {
  const why = sayWhy(stderr) || `qsub ended with ${code}`;
  if (code === 0) {
    const [, id] = /^(\d+)(?:\.\d+-\d+:\d+)?$/.exec(stdout.trimEnd().split('\n').at(-1)?.trim() ?? '') ?? [];
    return id === undefined
      ? { kind: 'unknown', why: `qsub said ${JSON.stringify(stdout.slice(0, 200))}` }
      : { kind: 'accepted', id };
  }
  if (code > KILLED || NO_CONTACT.test(stderr)) return { kind: 'unknown', why };
  return { kind: 'refused', why, wait: code === TOO_MANY || OPENS_AGAIN.test(stderr) };
}

function sayWhy(stderr: string): string {
  return stderr
    .replace(/^Unable to run job: /m, '')
    .replace(/^Exiting\.$/m, '')
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ');
}
