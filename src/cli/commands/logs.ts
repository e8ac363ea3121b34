import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CLEANED_FILE, connectControl, redactorForReading, type RunControl } from '../../jobs/index.ts';
import { isFinal, type JobRow, type Redactor, type Store } from '../../model/index.ts';
import { type FoundRun, findRun, openForReading, orLatest, RunJobs, splitTarget, storeDirectory } from '../find-run.ts';
import { directoryOf } from '../job-record.ts';
import { LogTail } from '../log-tail.ts';
import type { Context } from '../main.ts';
import { type Output, printable } from '../output.ts';
import { sleep } from '../sleep.ts';

const LOOK_EVERY_MS = 200;
const STREAMS = ['stdout', 'stderr'] as const;
type Stream = (typeof STREAMS)[number];

/** Shows what jobs wrote: one job's bytes as they are, each to the stream it came from; a run's as lines behind the job's name. */
export async function logs(
  context: Context,
  [target]: readonly string[],
  flags: Readonly<Record<string, unknown>>,
): Promise<number> {
  const { run, job } = target === undefined ? { run: undefined, job: undefined } : splitTarget(target);
  await using store = await openForReading(context);
  const found = await findRun(store, orLatest(run));
  const jobs = await RunJobs.read(store, found.row);
  const chosen = STREAMS.filter((stream) => flags[stream] === true);
  const redactor = await redactorForReading(jobs.graphs, resolve('.'));
  const view: View = { context, store, found, jobs, redactor, streams: chosen.length === 0 ? STREAMS : chosen };
  if (job !== undefined && job !== '') await oneJob(view, jobs.indexOf(job), flags['follow'] === true);
  else await wholeRun(view, flags['follow'] === true);
  return 0;
}

interface View {
  readonly context: Context;
  readonly store: Store;
  readonly found: FoundRun;
  readonly jobs: RunJobs;
  readonly streams: readonly Stream[];
  /** Takes out what a command that still runs has said of its secrets. */
  readonly redactor: Redactor;
}

async function oneJob(view: View, index: number, follow: boolean): Promise<void> {
  const { store, found, jobs } = view;
  const name = jobs.nameOf(index);
  let shown = 0;
  let wroteAny = false;
  let tails: readonly Tail[] = [];
  try {
    for (;;) {
      // What a job wrote is complete when its end is known, so the end is looked at before the files.
      const row = await store.job(found.row.id, index);
      if (row !== undefined && row.fence !== shown) {
        await drainAll(tails);
        await closeAll(tails);
        tails = row.fence === 0 ? [] : tailsOf(view, row, (stream) => rawWriter(view, stream, () => (wroteAny = true)));
        shown = row.fence;
      }
      await drainAll(tails);
      if (
        !follow ||
        view.context.output.readerGone ||
        (row !== undefined && isFinal(row.status)) ||
        !(await isOwned(view))
      )
        break;
      await sleep(LOOK_EVERY_MS);
    }
  } finally {
    await closeAll(tails);
  }
  if (wroteAny) return;
  const wasCleaned = existsSync(join(storeDirectory(view.context), 'work', found.row.id, CLEANED_FILE));
  const nothing = wasCleaned ? `the logs of run ${found.row.id} have been removed` : `job '${name}' wrote nothing`;
  view.context.output.say(shown === 0 ? `job '${name}' has not started` : nothing);
}

async function wholeRun(view: View, follow: boolean): Promise<void> {
  const { store, found } = view;
  const open = new Map<number, readonly Tail[]>();
  const seen = new Map<number, number>();
  const look = async (row: JobRow): Promise<void> => {
    if (row.fence === 0) return;
    if (seen.get(row.job) !== row.fence) {
      await closeAll(open.get(row.job) ?? []);
      open.set(
        row.job,
        tailsOf(view, row, () => lineWriter(view, row.job)),
      );
      seen.set(row.job, row.fence);
    }
    const tails = open.get(row.job);
    if (tails === undefined) return;
    await drainAll(tails);
    if (row.status === 'running' && follow) return;
    for (const tail of tails) await tail.flush();
    await closeAll(tails);
    open.delete(row.job);
  };
  try {
    for await (const rows of store.jobs(found.row.id)) for (const row of rows) await look(row);
    if (!follow || found.owner === undefined) return;
    await using control = await connectControl(found.owner.socket, found.row.id, found.owner);
    await followEvents(view, { control, look, open });
  } finally {
    for (const tails of open.values()) await closeAll(tails);
  }
}

interface Following {
  readonly control: RunControl;
  readonly look: (row: JobRow) => Promise<void>;
  readonly open: ReadonlyMap<number, unknown>;
}

/** Looks at jobs as they start and end, and in between at what the running ones have written. */
async function followEvents(view: View, { control, look, open }: Following): Promise<void> {
  const changed = new Set<number>();
  let over = false;
  let failed: unknown;
  const listening = (async () => {
    try {
      for await (const event of control.events(view.found.row.seq)) if (event.kind === 'job') changed.add(event.index);
    } catch (error) {
      failed = error;
    }
    over = true;
  })();
  for (;;) {
    const last = over;
    const due = new Set([...changed, ...open.keys()]);
    changed.clear();
    for (const index of due) {
      const row = await view.store.job(view.found.row.id, index);
      if (row !== undefined) await look(row);
    }
    if ((last && changed.size === 0) || view.context.output.readerGone) break;
    await sleep(LOOK_EVERY_MS);
  }
  // A reader that went away leaves the listening to the end of the process.
  if (over) await listening;
  if (failed !== undefined) view.context.output.say('the process that ran it has gone');
}

async function isOwned({ store, found }: View): Promise<boolean> {
  return (await store.ownerOf(found.row.id))?.alive === true;
}

/** A stream of one attempt, on its way to where it is shown. */
interface Tail extends AsyncDisposable {
  drain(): Promise<void>;
  flush(): Promise<void>;
}

interface Writer {
  write(chunk: Buffer): Promise<void>;
  flush(): Promise<void>;
}

function tailsOf(view: View, row: JobRow, writerFor: (stream: Stream) => Writer): readonly Tail[] {
  const name = view.jobs.nameOf(row.job);
  const directory = directoryOf(storeDirectory(view.context), view.found.row, { index: row.job, name }, row.fence);
  return view.streams.map((stream) => {
    const writer = writerFor(stream);
    const tail = new LogTail(join(directory, stream));
    const clean = view.redactor.isIdle ? undefined : view.redactor.stream();
    const endClean = async (): Promise<void> => {
      const rest = Buffer.from(clean?.end() ?? []);
      if (rest.length > 0) await writer.write(rest);
    };
    return {
      drain: async () =>
        tail.drain(async (chunk) => writer.write(clean === undefined ? chunk : Buffer.from(clean.push(chunk)))),
      flush: async () => {
        await endClean();
        await writer.flush();
      },
      [Symbol.asyncDispose]: async () => {
        await endClean();
        await tail[Symbol.asyncDispose]();
      },
    };
  });
}

async function drainAll(tails: readonly Tail[]): Promise<void> {
  for (const tail of tails) await tail.drain();
}

async function closeAll(tails: readonly Tail[]): Promise<void> {
  for (const tail of tails) await tail[Symbol.asyncDispose]();
}

/** Bytes as they are. One chosen stream goes to stdout, whichever it is. */
function rawWriter(view: View, stream: Stream, wrote: () => void): Writer {
  const toErrors = stream === 'stderr' && view.streams.length > 1;
  return {
    write: async (chunk) => {
      if (chunk.length === 0) return;
      wrote();
      await view.context.output.bytes(chunk, toErrors ? 'stderr' : 'stdout');
    },
    flush: async () => undefined,
  };
}

/** Whole lines, each behind the job's name. */
function lineWriter(view: View, index: number): Writer {
  const { output } = view.context;
  const head = `${printable(view.jobs.nameOf(index))} | `;
  const decoder = new TextDecoder();
  let rest = '';
  return {
    write: async (chunk) => {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (lines.length > 0) await writeLines(output, head, lines);
    },
    flush: async () => {
      if (rest !== '') await writeLines(output, head, [rest]);
      rest = '';
    },
  };
}

async function writeLines(output: Output, head: string, lines: readonly string[]): Promise<void> {
  await output.data(lines.map((line) => head + line).join('\n'));
}
