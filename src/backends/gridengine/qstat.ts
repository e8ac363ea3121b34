import type { NativeJob, StatusAnswer, ToolOutput } from '../scheduler/index.ts';

/**
 * All jobs of the user, as XML (the plain table cuts names short). Of those in an error state the reasons are asked too: only
 * `qstat -j` has them.
 */
export const STATUS_TEXT = `said=$(qstat -xml -u "$(id -un)") || exit
printf '%s\\n' "$said"
failed=$(printf '%s\\n' "$said" | awk -F '[<>]' '$2 == "JB_job_number" { id = $3 } $2 == "state" && $3 ~ /E/ { print id }' | sort -u | paste -s -d , -)
[ -z "$failed" ] || qstat -j "$failed" 2>/dev/null | grep -E '^(job_number|error reason)'
exit 0
`;

const END = '</job_info>';

export function readQstat({ code, stdout, stderr }: ToolOutput): StatusAnswer {
  const end = stdout.lastIndexOf(END);
  if (code !== 0 || end === -1) return { kind: 'unknown', why: stderr.trim() || `qstat ended with ${code}` };
  const xml = stdout.slice(0, end);
  const reasons = readReasons(stdout.slice(end + END.length));
  const jobs: NativeJob[] = [];
  for (const [, row = ''] of xml.matchAll(/<job_list\b[^>]*>([\s\S]*?)<\/job_list>/g)) {
    const state = field(row, 'state');
    const job = field(row, 'JB_job_number');
    const marker = field(row, 'JB_name');
    const [, host] = field(row, 'queue_name').split('@');
    const tasks = field(row, 'tasks');
    for (const element of tasks === '' ? [undefined] : elementsOf(tasks)) {
      const reason = reasons.get(`${job}.${element ?? 1}`) ?? '';
      jobs.push({
        marker,
        id: element === undefined ? job : `${job}.${element}`,
        element: element ?? 0,
        state,
        reason,
        ...standingOf(state, reason),
        ...(host === undefined || host === '' ? {} : { host }),
      });
    }
  }
  return { kind: 'known', jobs, isWhole: stderr.trim() === '' };
}

/**
 * What the letters say: `q` waits, `r` runs, `t` is being sent, `R` was begun before, `h` held, `s` `S` `T` `N` `P` suspended
 * (by hand, by its queue, by a threshold, and so on), `d` is being deleted, `E` an error, which stays until somebody clears it.
 */
export function standingOf(
  state: string,
  reason: string,
): Pick<NativeJob, 'standing' | 'outcome' | 'restarts' | 'phase'> {
  const restarts = state.includes('R') ? { restarts: 1 } : {};
  if (state.includes('E')) {
    const message = `Grid Engine: ${reason === '' ? `error state ${state}` : reason}`;
    return {
      standing: 'never',
      outcome: { kind: 'error', error: { name: 'Error', message, code: 'BACKEND_UNAVAILABLE' } },
    };
  }
  if (/q|w/.test(state)) return { standing: state.includes('h') ? 'held' : 'waiting', ...restarts };
  if (state.includes('d')) return { standing: 'running', phase: 'cancelling', ...restarts };
  if (/[sSTNP]/.test(state)) return { standing: 'suspended', ...restarts };
  if (state.includes('t')) return { standing: 'running', phase: 'starting', ...restarts };
  return { standing: 'running', phase: 'active', ...restarts };
}

/** The element numbers of `4-10:2` and `3,5,7-9:1`. */
function elementsOf(tasks: string): readonly number[] {
  const elements: number[] = [];
  for (const part of tasks.split(',')) {
    const [, first = '', last = first, step = '1'] = /^(\d+)(?:-(\d+))?(?::(\d+))?$/.exec(part.trim()) ?? [];
    if (first === '') continue;
    for (let element = Number(first); element <= Number(last); element += Number(step)) elements.push(element);
  }
  return elements;
}

/** Error reasons by `job.task`; the task of a single job is 1. */
function readReasons(text: string): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>();
  let job = '';
  for (const line of text.split('\n')) {
    const [, number] = /^job_number:\s+(\d+)/.exec(line) ?? [];
    if (number !== undefined) job = number;
    // After the time and [user:pid].
    const [, task, words = ''] = /^error reason\s+(\d+):\s+(.*)$/.exec(line) ?? [];
    if (task !== undefined) reasons.set(`${job}.${task}`, words.replace(/^\S+ \S+ \[\d+:\d+\]: /, '').trim());
  }
  return reasons;
}

function field(row: string, name: string): string {
  const text = new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(row)?.[1] ?? '';
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');
}
