import type { Trace } from './trace.ts';
import { traceError } from './trace-error.ts';

/** Who makes a file: number of the file -> place of the task; undefined when it comes from outside. */
export type Producers = readonly (number | undefined)[];

/** @throws {HeddleError} TRACE_INVALID for a file that two tasks make, or that the list of files doesn't know */
export function findProducers(trace: Trace): Producers {
  const producers: (number | undefined)[] = [];
  for (let i = 0; i < trace.size; i += 1) {
    for (const file of trace.outputs.at(i)) {
      checkListed(trace, i, file);
      const other = producers[file];
      if (other !== undefined) {
        const who = other === i ? 'twice by this task' : `by '${trace.ids.textOf(trace.idOf[other] as number)}' too`;
        throw traceError(
          trace.taskPlace(i),
          `its output '${trace.files.textOf(file)}' is made ${who}`,
          'give every file one task that makes it',
        );
      }
      producers[file] = i;
    }
    for (const file of trace.inputs.at(i)) checkListed(trace, i, file);
  }
  return producers;
}

function checkListed(trace: Trace, i: number, file: number): void {
  if (!trace.hasFileList || trace.bytesOf[file] !== undefined) return;
  throw traceError(
    trace.taskPlace(i),
    `the file '${trace.files.textOf(file)}' is not in workflow.specification.files`,
    'list the file with its size, or correct its id',
  );
}

/**
 * Who task i waits for. The trace says it up to three times: by `parents`, by the `children` of others
 * (checked elsewhere), and by who makes its inputs. Where both are there they must say the same.
 *
 * @throws {HeddleError} TRACE_INVALID, naming task and edge
 */
export function upstreamOf(trace: Trace, i: number, producers: Producers): readonly number[] {
  const byFiles = new Set<number>();
  for (const file of trace.inputs.at(i)) {
    const producer = producers[file];
    // A file that is changed in place comes from outside, as far as this task's start is concerned.
    if (producer !== undefined && producer !== i) byFiles.add(producer);
  }
  const declared = new Set(trace.parents.at(i).map((id) => parentAt(trace, i, id)));
  if (!trace.saysParents[i]) return [...byFiles];
  // Without files nothing contradicts the parents: many traces record control flow only.
  if (!trace.saysInputs[i] || (byFiles.size === 0 && trace.inputs.at(i).length === 0)) return [...declared];
  for (const producer of byFiles) {
    if (declared.has(producer)) continue;
    throw disagreement(trace, { task: i, upstream: producer, says: 'its inputs say so, its parents do not' });
  }
  for (const parent of declared) {
    if (byFiles.has(parent)) continue;
    throw disagreement(trace, {
      task: i,
      upstream: parent,
      says: 'its parents say so, and none of its inputs is made there',
    });
  }
  return [...declared];
}

function parentAt(trace: Trace, i: number, id: number): number {
  const task = trace.taskOf[id];
  if (task !== undefined && task !== -1) return task;
  throw traceError(
    trace.taskPlace(i),
    `its parent '${trace.ids.textOf(id)}' is no task of this trace`,
    'add the task, or drop the parent',
  );
}

interface Disagreement {
  readonly task: number;
  readonly upstream: number;
  readonly says: string;
}

function disagreement(trace: Trace, { task, upstream, says }: Disagreement): Error {
  const name = (i: number): string => trace.ids.textOf(trace.idOf[i] as number);
  return traceError(
    trace.taskPlace(task),
    `does '${name(task)}' wait for '${name(upstream)}'? ${says}`,
    'make parents and files agree, or leave one of them out',
  );
}

/** `children` are the parents of others, said a second time. @throws {HeddleError} TRACE_INVALID when they say otherwise */
export function checkChildren(trace: Trace): void {
  for (let i = 0; i < trace.size; i += 1) {
    for (const id of trace.children.at(i)) {
      const child = trace.taskOf[id];
      if (child === undefined || child === -1) {
        throw traceError(
          trace.taskPlace(i),
          `its child '${trace.ids.textOf(id)}' is no task of this trace`,
          'add the task, or drop the child',
        );
      }
      if (trace.saysParents[child] && !trace.parents.at(child).includes(trace.idOf[i] as number)) {
        throw disagreement(trace, {
          task: child,
          upstream: i,
          says: `'${trace.ids.textOf(trace.idOf[i] as number)}' names it as a child, and it does not name that parent`,
        });
      }
    }
  }
}
