import type { LoginNeed } from '../../model/index.ts';
import { quoteWord } from '../../model/index.ts';
import type { ShellEnd } from './shell-process.ts';

/** How a person logs in by hand, so that we are let in after. */
export interface ByHand {
  /** Asks what has to be asked, and leaves a connection that we can use. */
  readonly login: string;
  /** Asks about an unknown host key, and remembers the answer. */
  readonly accept: string;
}

export type Diagnosis =
  | { readonly kind: 'login'; readonly need: LoginNeed }
  | { readonly kind: 'unreachable'; readonly why: string };

/** What ssh says when none of our masters is behind the socket: see `NO_MASTER_COMMAND`. */
export const NO_MASTER = 'heddle-no-master';

/** What ssh writes when the other side gives it no further session on a connection. */
const SESSION_REFUSED = /Session open refused by peer/;

/** The master ended after it had been asked for a session, and before it said that there is one. */
const MASTER_BROKE_OFF = /read from master failed/;

/** Why a session of a master never began, where it is the way that failed and not the host. */
export function findDetour(end: ShellEnd): 'no-master' | 'refused' | undefined {
  if (end.begun || !end.stderr.includes(NO_MASTER)) return undefined;
  if (SESSION_REFUSED.test(end.stderr)) return 'refused';
  // The master takes the script from the session's own standard input: it may have been there.
  if (MASTER_BROKE_OFF.test(end.stderr) && !end.unsent) return undefined;
  return 'no-master';
}

/** Says what kept a shell from beginning, or broke it off, from what OpenSSH says; its words are in English everywhere. */
export function diagnose(end: ShellEnd, byHand: ByHand): Diagnosis {
  if (end.error !== undefined) return { kind: 'unreachable', why: `ssh cannot be started: ${end.error.message}` };
  const need = end.begun ? undefined : findNeed(end.stderr, byHand);
  if (need !== undefined) return { kind: 'login', need };
  return { kind: 'unreachable', why: findWhy(end) };
}

function findNeed(stderr: string, byHand: ByHand): LoginNeed | undefined {
  if (stderr.includes('REMOTE HOST IDENTIFICATION HAS CHANGED')) return changedKey(stderr, byHand);
  const unknown = /No (\S+) host key is known for (\S+)/.exec(stderr);
  if (unknown !== null || stderr.includes('Host key verification failed')) {
    const whose = unknown === null ? 'its host key' : `the ${unknown[1]} host key of ${unknown[2]}`;
    return { why: `${whose} is not known here`, mend: byHand.accept };
  }
  const denied = /Permission denied \(([^)]*)\)/.exec(stderr);
  if (denied !== null) return deniedLogin(denied[1] ?? '', { stderr, byHand });
  if (/Too many authentication failures/.test(stderr)) {
    return { why: 'too many keys were offered and refused', mend: byHand.login };
  }
  if (/password (has )?expired|password change required/i.test(stderr)) {
    return { why: 'the password there has expired', mend: byHand.login };
  }
  return undefined;
}

/** ssh itself says how to forget the old key; that may be an attack, and only its user can know. */
function changedKey(stderr: string, byHand: ByHand): LoginNeed {
  const host = /Host key for (\S+) has changed/.exec(stderr)?.[1];
  const file = /Offending \S+ key in (.+):\d+/.exec(stderr)?.[1];
  const why = `the host key${host === undefined ? '' : ` of ${host}`} has changed: somebody may be listening in between; ask the people who run it before you accept the new one`;
  if (host === undefined) return { why, mend: byHand.login };
  const known = file === undefined ? '' : ` -f ${quoteWord(file)}`;
  return { why, mend: `ssh-keygen${known} -R ${quoteWord(host)} && ${byHand.accept}` };
}

function deniedLogin(methods: string, from: { readonly stderr: string; readonly byHand: ByHand }): LoginNeed {
  const asks = methods.split(',').filter((method) => method === 'password' || method === 'keyboard-interactive');
  const agent = /agent refused operation|communication with agent failed/.test(from.stderr);
  if (agent) return { why: 'the agent did not sign with the key', mend: `ssh-add && ${from.byHand.login}` };
  if (asks.length === 0) return { why: `no key of ours was accepted (${methods})`, mend: from.byHand.login };
  return { why: `it wants a password or a second factor (${asks.join(', ')})`, mend: from.byHand.login };
}

/** Lines that tell why there is no connection, by what they hold. */
const TELLING =
  /refused|timed? ?out|not responding|could not resolve|no route|unreachable|closed|reset|broken pipe|disconnect|kex_exchange|bad (configuration|owner)|terminating|invalid|no such file|not found/i;

function findWhy(end: ShellEnd): string {
  const lines = linesOf(end.stderr).filter((line) => !line.includes(NO_MASTER));
  // A shell that is none (nologin), or a forced command: it ended well as far as ssh is concerned.
  if (!end.begun && end.carrier !== 255 && end.carrier !== undefined) {
    const said = linesOf(end.noise).at(-1) ?? lines.at(-1);
    return `the login shell there did not run what it was given (exit ${end.carrier})${said === undefined ? '' : `: ${said}`}`;
  }
  return lines.findLast((line) => TELLING.test(line)) ?? lines.at(-1) ?? 'the connection was lost';
}

function linesOf(text: string): readonly string[] {
  return text
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
