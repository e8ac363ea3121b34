import { createReadStream } from 'node:fs';
import {
  DEFAULT_GRACE_MS,
  DEFAULT_REQUEST,
  DEFAULT_RETRY,
  type Definition,
  type Graph,
  GraphBuilder,
  HeddleError,
} from '../../model/index.ts';
import { checkChildren, findProducers, type Producers, upstreamOf } from './producers.ts';
import { replayPayload } from './replay.ts';
import { readTrace, type Trace } from './trace.ts';
import { traceError } from './trace-error.ts';

export interface WfFormatOptions {
  /** Recorded run times are waited times this. @default 1 */
  readonly timeScale?: number;
  /** Recorded sizes are written times this. @default 0: files are empty */
  readonly dataScale?: number;
  /** What to call a stream in errors. @default 'trace' */
  readonly source?: string;
}

/** What is worth knowing of a trace beside its graph. */
export interface TraceInfo {
  readonly name: string;
  readonly description?: string;
  readonly tasks: number;
  readonly edges: number;
  readonly files: number;
  /** Files no task makes. */
  readonly externalFiles: number;
  /** Sum of the recorded run times, unscaled. */
  readonly workSeconds: number;
  /** Of the recorded run, unscaled. */
  readonly makespanSeconds?: number;
  readonly executedAt?: string;
}

export interface ImportedTrace {
  readonly graph: Graph;
  readonly info: TraceInfo;
}

/**
 * Reads a WfFormat 1.5 trace, from a path or a stream, as a graph that replays it: each task a command that waits as long as
 * recorded and writes its files. Ids are those of the trace.
 *
 * @throws {HeddleError} TRACE_INVALID naming the place, GRAPH_CYCLE, FILE_NOT_FOUND, INPUT_INVALID for a scale that is none
 */
export async function importWfFormat(
  source: string | AsyncIterable<Uint8Array | string> | Iterable<Uint8Array>,
  options: WfFormatOptions = {},
): Promise<ImportedTrace> {
  const timeScale = checkScale('timeScale', options.timeScale ?? 1);
  const dataScale = checkScale('dataScale', options.dataScale ?? 0);
  const trace =
    typeof source === 'string' ? await readTraceFile(source) : await readTrace(source, options.source ?? 'trace');
  return graphOf(trace, { timeScale, dataScale });
}

function checkScale(name: string, scale: number): number {
  if (typeof scale === 'number' && scale >= 0 && Number.isFinite(scale)) return scale;
  throw new HeddleError('INPUT_INVALID', `${name} can't be ${String(scale)}`, { hint: 'give a number, 0 or more' });
}

async function readTraceFile(path: string): Promise<Trace> {
  try {
    return await readTrace(createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Uint8Array>, path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new HeddleError('FILE_NOT_FOUND', `there is no file '${path}'`, {
        cause,
        hint: 'give the path of a trace',
      });
    if (code === 'EISDIR' || code === 'EACCES') {
      throw new HeddleError('INPUT_INVALID', `'${path}' can't be read (${code})`, {
        cause,
        hint: 'give the path of a trace that you may read',
      });
    }
    throw cause;
  }
}

interface Scales {
  readonly timeScale: number;
  readonly dataScale: number;
}

function graphOf(trace: Trace, { timeScale, dataScale }: Scales): ImportedTrace {
  const producers = findProducers(trace);
  checkChildren(trace);
  checkExecution(trace);
  const builder = new GraphBuilder(trace.name === '' ? trace.source : trace.name);
  const definitions = Array.from({ length: trace.labels.size }, (_, label) =>
    builder.definition(replayed(trace.labels.textOf(label))),
  );
  let edges = 0;
  let workSeconds = 0;
  for (let i = 0; i < trace.size; i += 1) {
    const id = trace.idOf[i] as number;
    const recorded = trace.secondsOf[id] ?? 0;
    const seconds = recorded * timeScale;
    const upstream = upstreamOf(trace, i, producers);
    const payload = replayPayload({
      seconds,
      outputs: trace.outputs.at(i).map((file) => ({
        id: trace.files.textOf(file),
        bytes: Math.round((trace.bytesOf[file] ?? 0) * dataScale),
      })),
      inputs: inputsOf(trace, i, producers),
    });
    builder.add(trace.ids.textOf(id), {
      definition: definitions[trace.labelOf[i] as number] as number,
      payload,
      edges: upstream,
      expectedMs: seconds * 1000,
    });
    edges += upstream.length;
    workSeconds += recorded;
  }
  const info = {
    tasks: trace.size,
    edges,
    files: trace.files.size,
    externalFiles: trace.files.size - made(producers),
    workSeconds,
  };
  return { graph: builder.build(), info: { ...describe(trace), ...info } };
}

function inputsOf(trace: Trace, i: number, producers: Producers): { readonly id: string; readonly from: number }[] {
  return [...new Set(trace.inputs.at(i))].flatMap((file) => {
    const from = producers[file];
    return from === undefined || from === i ? [] : [{ id: trace.files.textOf(file), from }];
  });
}

function made(producers: Producers): number {
  return producers.reduce<number>((count, producer) => count + (producer === undefined ? 0 : 1), 0);
}

function describe({ name, description, makespanSeconds, executedAt, source }: Trace): Pick<TraceInfo, 'name'> {
  return {
    name: name === '' ? source : name,
    ...(description === undefined ? {} : { description }),
    ...(makespanSeconds === undefined ? {} : { makespanSeconds }),
    ...(executedAt === undefined ? {} : { executedAt }),
  };
}

/** Every task was executed, and nothing else was; a trace may also be of a workflow that never ran. */
function checkExecution(trace: Trace): void {
  if (!trace.hasExecution) return;
  for (let id = 0; id < trace.ids.size; id += 1) {
    const isTask = trace.taskOf[id] !== -1 && trace.taskOf[id] !== undefined;
    const wasRun = trace.secondsOf[id] !== undefined;
    if (isTask && !wasRun) {
      throw traceError(
        trace.taskPlace(trace.taskOf[id] as number),
        'workflow.execution.tasks says nothing of it',
        'add its run time there, 0 if it is not known',
      );
    }
    if (wasRun && !isTask) {
      throw traceError(
        trace.place('workflow.execution.tasks'),
        `'${trace.ids.textOf(id)}' is no task of the specification`,
        'correct the id, or drop the record',
      );
    }
  }
}

/** All tasks of one name share a definition. A replay asks for one cpu, whatever the recorded machine had. */
function replayed(label: string): Definition {
  return {
    name: label,
    kind: 'command',
    resources: DEFAULT_REQUEST,
    retry: DEFAULT_RETRY,
    timeouts: {},
    graceMs: DEFAULT_GRACE_MS,
    priority: 0,
  };
}
