import type { Definition, Payload } from './task.ts';
import type { AcceptMask } from './status.ts';
import type { Json } from './value.ts';

/**
 * A part of a graph that comes to be while its run goes on: once for each element of a collection, for the branch that
 * is chosen, for each turn of a loop. As data in a control node's payload, it is the same from TypeScript, YAML and JSON.
 *
 * Inside of it a ref (`$ref`) means a node outside of all bodies; what is inside is a hole, `{ "$hole": [depth, what, ...path] }`,
 * where depth says whose: 0 for this body, 1 for the body around it. A hole is filled when its body is instantiated.
 */
export interface Body {
  readonly nodes: readonly BodyNode[];
  /** The value of one instance, with refs and holes. @default the value of the last node */
  readonly result?: Json;
}

/** A node of a body. Its job's id is the control node's, the element's index or branch's label, and this name: `fit/3/simulate-1`. */
export interface BodyNode {
  readonly name: string;
  readonly definition: Definition;
  readonly payload?: Payload | ControlPayload;
  /** A number is a node outside of all bodies; a hole is a node of this body, or of one around it. */
  readonly edges: readonly { readonly from: number | Hole; readonly accept: AcceptMask }[];
  readonly expectedMs?: number;
}

/** What stands in a body for what is known when it is instantiated. */
export interface Hole {
  readonly $hole: readonly [depth: number, what: HoleKind, ...path: (string | number)[]];
}

/**
 * A number: that node of the body. `item` and `index`: of the collection. `state` and `iteration`: of the loop, from 0.
 */
export type HoleKind = number | 'item' | 'index' | 'state' | 'iteration';

/** What is asked of a value before the way goes on: data, so that a graph can be printed and sent. */
export type Test =
  /** The value (a ref or a hole leads to it) is neither false, null, 0, '' nor absent. */
  | { readonly truthy: Json }
  | { readonly compare: '==' | '!=' | '<' | '<=' | '>' | '>='; readonly left: Json; readonly right: Json }
  | { readonly not: Test }
  | { readonly all: readonly Test[] }
  | { readonly any: readonly Test[] };

/** Tests in their order, each with the label of its branch. */
export interface Tests {
  readonly when: readonly { readonly label: string; readonly test: Test }[];
}

/** What a control node does when all it waits for has ended. */
export type ControlPayload =
  /**
   * One instance of the body for each element of a list that is known only then. Together with the `gather` node that has
   * a data edge upon it: that waits for all instances, and its value is theirs in the order of the elements. (The value of
   * the control node itself tells its gather what it has become.)
   */
  | {
      readonly control: 'scatter';
      readonly over: Json;
      readonly body: Body;
      /** At most so many jobs of it at a time. */
      readonly maxConcurrency?: number;
      /** Name of the `gather` node. */
      readonly gather: string;
    }
  /** The branch whose label is chosen: by a value, or by the first test that holds. Without one, what needs its value is skipped. */
  | {
      readonly control: 'branch';
      readonly on: Json | Tests;
      readonly branches: Readonly<Record<string, Body>>;
      /** Label of what is done otherwise. */
      readonly otherwise?: string;
      readonly gather: string;
    }
  /** Instances one after the other, each with the state the last one left, until the test holds for the new state. */
  | {
      readonly control: 'loop';
      readonly initial: Json;
      readonly body: Body;
      readonly until: Test;
      /** It is tested after each turn, so there is at least one. */
      readonly maxIterations: number;
      /** What it means that so many turns were not enough. @default 'fail' */
      readonly atMost?: 'fail' | 'accept';
      readonly gather: string;
      /** Of an expansion's own control nodes: which turn has just ended. */
      readonly iteration?: number;
    }
  /**
   * Takes together what a control node has become: its value is that of the instances, the chosen branch or the last turn.
   * `settled`: failures do not fail it, each element is `{ status, value }` or `{ status, error }`.
   */
  | { readonly control: 'gather'; readonly of: string; readonly settled?: true };
