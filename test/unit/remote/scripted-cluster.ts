import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NativeJob, NativeRequest, Scheduler, StatusAnswer } from '../../../src/backends/scheduler/index.ts';
import type { RunAnswer, Transport } from '../../../src/backends/transport/index.ts';
import type { Clock, Outcome } from '../../../src/model/index.ts';

/** One element as the cluster has it. */
export interface ClusterJob {
  readonly marker: string;
  readonly id: string;
  readonly element: number;
  readonly home: string;
  standing: NativeJob['standing'];
  state: string;
  outcome: Outcome | undefined;
  restarts: number;
  /** Its wrapper has taken it, which happens once. */
  begun: boolean;
}

/** What a submission meets. */
export type Fate = 'taken' | 'taken, answer lost' | 'refused, wait';

const ended = (code: number, stdout: string, stderr = ''): RunAnswer => ({
  kind: 'ended',
  code,
  stdout: Buffer.from(stdout),
  stderr,
});

/**
 * A batch system in memory whose elements do what a wrapper does to its directory, when a test says so. It counts what it is
 * asked, and goes wrong in whatever way a test wants: at the border between us and a scheduler, nowhere else.
 */
export class ScriptedCluster {
  readonly clock: Clock;
  readonly jobs: ClusterJob[] = [];
  /** When it was asked how things are. */
  readonly statusAt: number[] = [];
  readonly submissions: { readonly marker: string; readonly elements: number }[] = [];
  readonly cancels: (readonly string[])[] = [];
  readonly histories: (readonly string[])[] = [];
  fate: () => Fate = () => 'taken';
  /** What is said instead of the truth. */
  statusAnswer: (() => StatusAnswer) | undefined;
  /** What the transport says instead of running anything. */
  outage: RunAnswer | undefined;
  readonly #tables = new Map<string, Map<number, { readonly directory: string; readonly attempt: string }>>();
  #nextId = 1;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  readonly scheduler: Scheduler = {
    name: 'scripted',
    maxArraySize: 1000,
    maxArrayIndex: 999,
    firstElement: 0,
    script: (request) => JSON.stringify(request),
    submit: (_request, path) => `submit ${path}`,
    readSubmit: ({ code, stdout, stderr }) =>
      code === 0 ? { kind: 'accepted', id: stdout } : { kind: 'refused', why: stderr, wait: true },
    status: () => 'status',
    readStatus: ({ stdout }) => JSON.parse(stdout) as StatusAnswer,
    history: (ids) => `history ${ids.join(' ')}`,
    readHistory: () => ({ kind: 'known', jobs: [], isWhole: true }),
    cancel: (ids) => `cancel ${ids.join(' ')}`,
    describe: () => '',
    readDescribe: () => ({ version: '', notes: [], problems: [] }),
  };

  /** A way to it; each backend has its own. */
  transport(): Transport {
    return {
      name: 'scripted',
      key: 'scripted',
      sharesFiles: true,
      run: (script) => Promise.resolve(this.outage ?? this.#run(script)),
      connect: () => {
        throw new Error('nothing is connected to here');
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  /** Elements begin: their wrappers take them. */
  begin(jobs: Iterable<ClusterJob> = this.jobs): void {
    for (const job of jobs) {
      if (job.standing !== 'waiting') continue;
      job.standing = 'running';
      job.state = 'RUNNING';
      const { directory, attempt } = this.#place(job);
      if (existsSync(join(directory, 'claim')) || existsSync(join(directory, 'fenced'))) {
        this.end([job]);
        continue;
      }
      writeFileSync(join(directory, 'claim'), `{"attempt":"${attempt}","started":1}\n`);
      job.begun = true;
    }
  }

  /** Elements end by themselves, and say so where they lie. */
  finish(jobs: Iterable<ClusterJob>, how = '"code":0'): void {
    for (const job of jobs) {
      const { directory, attempt } = this.#place(job);
      if (!job.begun) continue;
      const record = `{"attempt":"${attempt}","fence":1,${how},"started":1,"ended":2,"pid":1,"host":"n1"}\n`;
      writeFileSync(join(directory, 'exit.json'), record);
      writeFileSync(join(dirname(job.home), 'ended', attempt), `${directory}\n`);
      this.end([job]);
    }
  }

  end(jobs: Iterable<ClusterJob>, state = 'ENDED', outcome?: Outcome): void {
    for (const job of jobs) Object.assign(job, { standing: 'ended', state, outcome });
  }

  /** It is stopped, and waits to be begun anew. */
  requeue(job: ClusterJob): void {
    Object.assign(job, { standing: 'waiting', state: 'PENDING', restarts: job.restarts + 1 });
  }

  /** They are not known any more. */
  purge(jobs: readonly ClusterJob[]): void {
    for (const job of jobs) this.jobs.splice(this.jobs.indexOf(job), 1);
  }

  /** Where its body finds its attempt: the table beside the script. */
  #place({ home, marker, element }: ClusterJob): { readonly directory: string; readonly attempt: string } {
    let table = this.#tables.get(marker);
    if (table === undefined) {
      table = new Map<number, { directory: string; attempt: string }>();
      for (const line of readFileSync(join(home, `${marker}.elements`), 'utf8')
        .trim()
        .split('\n')) {
        const [index, attempt = '', , , directory = ''] = line.split(' ');
        table.set(Number(index), { directory, attempt });
      }
      this.#tables.set(marker, table);
    }
    return table.get(element) ?? { directory: '', attempt: '' };
  }

  #run(script: string): RunAnswer {
    const [verb = '', ...words] = script.trim().split(' ');
    switch (verb) {
      case 'status':
        this.statusAt.push(this.clock.now().mono);
        return ended(0, JSON.stringify(this.statusAnswer?.() ?? { kind: 'known', jobs: this.jobs, isWhole: true }));
      case 'submit':
        return this.#submit(JSON.parse(readFileSync(words.join(' '), 'utf8')) as NativeRequest);
      case 'cancel':
        this.cancels.push(words);
        this.end(
          this.jobs.filter(({ id, standing }) => words.includes(id) && standing !== 'ended'),
          'CANCELLED',
          { kind: 'cancelled', by: 'user' },
        );
        return ended(0, '');
      case 'history':
        this.histories.push(words);
        return ended(0, '');
      default:
        throw new Error(`nobody here knows '${verb}'`);
    }
  }

  #submit({ marker, elements, home }: NativeRequest): RunAnswer {
    const fate = this.fate();
    if (fate === 'refused, wait') return ended(1, '', 'QOSMaxSubmitJobPerUserLimit');
    const id = this.#nextId;
    this.#nextId += 1;
    this.submissions.push({ marker, elements: elements.length });
    for (const element of elements)
      this.jobs.push({
        ...{ marker, element, home, id: `${id}_${element}` },
        ...{ standing: 'waiting', state: 'PENDING', outcome: undefined, restarts: 0, begun: false },
      });
    if (fate === 'taken') return ended(0, String(id));
    return { kind: 'unreachable', why: 'the answer was lost', began: true };
  }
}
