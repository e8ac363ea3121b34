import type { Element } from './instance.ts';
import type { Graph } from './graph.ts';
import type { Outcome, SerializedError } from './outcome.ts';
import type { AcceptMask, FinalStatus } from './status.ts';
import type { Definition } from './task.ts';
import type { Json, Value } from './value.ts';

/** How a node that a control node waits for has ended. */
export interface UpstreamEnd {
  readonly status: FinalStatus | 'skipped';
  readonly value?: Value;
  readonly outcome?: Outcome;
}

/** A control node all of whose upstreams have ended. */
export interface ReadyControl {
  readonly job: string;
  readonly index: number;
  /** JSON of its payload. */
  readonly payload: string;
  readonly definition: Definition;
  /** Index in the run that the first node it becomes will have. */
  readonly base: number;
  readonly upstream: (node: number) => UpstreamEnd | undefined;
  readonly indexOf: (job: string) => number | undefined;
}

/** An edge from a node of an expansion into its gather, which waits for the control node and so has not started. */
export interface LateEdge {
  readonly from: number;
  readonly to: number;
  readonly accept: AcceptMask;
}

/** What a control node becomes. */
export interface Expanded {
  readonly segment?: Graph;
  readonly lateEdges?: readonly LateEdge[];
  readonly value?: Value;
  readonly skipped?: true;
  readonly error?: SerializedError;
}

/** What a control node tells its gather it has become: its value. */
export type Became =
  /** Of a scatter: the first node and the value of each instance, all of one size. */
  | { readonly elements: readonly Element[]; readonly size: number }
  /** Of a branch: the nodes that were chosen, and their value. Of a loop that has come to its end: the last state. */
  | { readonly result: Json; readonly nodes?: NodeRange }
  /** Of a turn: its nodes, and who looks at what it has left. */
  | { readonly next: number; readonly nodes: NodeRange };

/** Nodes of one instance, by their indices in the run. */
export interface NodeRange {
  readonly first: number;
  readonly size: number;
}
