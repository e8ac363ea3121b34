import type { AttemptProcess } from '../model/index.ts';
import { type ProcessStat, readVariable } from '../process/index.ts';

/** The processes of each attempt at one look, by the attempt's id. */
export type Members = ReadonlyMap<string, readonly ProcessStat[]>;

/** A process is looked at so often for a variable of its own: the first time it may not have begun its program yet. */
const LOOKS = 2;

interface Seen {
  /** Of its start: a pid comes again. */
  readonly start: number;
  attempt: string | undefined;
  looks: number;
}

/**
 * Says which process belongs to which attempt: what is in the session of the attempt's own process, what was started by a
 * member, and what carries the attempt's id in its environment, wherever it went. What was decided for a process holds while
 * that attempt lives. A process is asked for its environment twice at most, and only one that began after us.
 */
export class Membership {
  readonly #ownStart: number;
  #seen = new Map<number, Seen>();

  /** `ownStart`: when this process began, in clock ticks since boot. */
  constructor(ownStart: number) {
    this.#ownStart = ownStart;
  }

  /** Sorts all processes there are to the attempts there are. */
  sort(processes: readonly ProcessStat[], attempts: Iterable<AttemptProcess>): Members {
    const members = new Map<string, ProcessStat[]>();
    const roots = new Map<number, AttemptProcess>();
    for (const attempt of attempts) {
      roots.set(attempt.pid, attempt);
      members.set(attempt.attempt, []);
    }
    const seen = new Map<number, Seen>();
    if (roots.size > 0) {
      const byPid = new Map(processes.map((stat) => [stat.pid, stat]));
      const find = (stat: ProcessStat): string | undefined => {
        const known = seen.get(stat.pid);
        if (known !== undefined) return known.attempt;
        const entry = this.#entry(stat);
        seen.set(stat.pid, entry);
        if (entry.attempt === undefined || !members.has(entry.attempt)) entry.attempt = decide(stat, entry);
        return entry.attempt;
      };
      const decide = (stat: ProcessStat, entry: Seen): string | undefined => {
        const leads = roots.get(stat.pid);
        if (leads !== undefined) return undefined;
        const parent = roots.get(stat.session) ?? roots.get(stat.parent);
        if (parent !== undefined) return parent.attempt;
        const above = byPid.get(stat.parent);
        // Those from before us are nobody's, and nobody's children lead to them.
        if (stat.start < this.#ownStart) return undefined;
        const inherited = above === undefined || stat.parent <= 1 ? undefined : find(above);
        if (inherited !== undefined) return inherited;
        if (entry.looks >= LOOKS) return undefined;
        entry.looks += 1;
        const named = readVariable(stat.pid, 'HEDDLE_ATTEMPT');
        return named !== undefined && members.has(named) ? named : undefined;
      };
      for (const stat of processes) {
        const leads = roots.get(stat.pid);
        if (leads !== undefined) {
          if (leads.isMember) members.get(leads.attempt)?.push(stat);
          continue;
        }
        const attempt = find(stat);
        if (attempt !== undefined) members.get(attempt)?.push(stat);
      }
    }
    this.#seen = seen;
    return members;
  }

  #entry(stat: ProcessStat): Seen {
    const before = this.#seen.get(stat.pid);
    return before !== undefined && before.start === stat.start
      ? before
      : { start: stat.start, attempt: undefined, looks: 0 };
  }
}
