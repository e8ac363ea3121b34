import { isDeepStrictEqual } from 'node:util';
import type { Body, ControlPayload, Test } from './control.ts';
import { cappedBody, hasTests, mapTest, neededBy } from './control-data.ts';
import { definitionOf } from './definition-input.ts';
import { HeddleError } from './errors.ts';
import { gather } from './expansion-gather.ts';
import type { Became, Expanded, LateEdge, NodeRange, ReadyControl } from './expansion-shape.ts';
import { DATA_EDGE } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import {
  addInstance,
  ELEMENTS_AT_ONCE,
  ElementsWriter,
  fillData,
  type Instance,
  publishTemplates,
} from './instance.ts';
import { ACCEPT_ALL } from './status.ts';
import type { Ref } from './task.ts';
import { publishPath } from './template.ts';
import { brief, dataReader, findRef, resolveArgument, type ResolveContext, resolveContext } from './template-data.ts';
import { clonedData, escapedData, type Json, type Value } from './value.ts';

/**
 * Says what a control node becomes, now that all it waits for has ended. Pure: the same upstreams, the same expansion. What may
 * be long is a generator, which yields every few milliseconds.
 *
 * @throws {HeddleError} VALUE_INVALID, TEMPLATE_INVALID: why it fails
 */
export function expandControl(node: ReadyControl): Expanded | Generator<void, Expanded> {
  const payload = JSON.parse(node.payload) as ControlPayload;
  switch (payload.control) {
    case 'scatter':
      return scatter(node, payload);
    case 'branch':
      return branch(node, payload);
    case 'loop':
      return loop(node, payload);
    case 'gather':
      return gather(node, payload);
  }
}

type Scatter = Extract<ControlPayload, { readonly control: 'scatter' }>;
type Branch = Extract<ControlPayload, { readonly control: 'branch' }>;
type Loop = Extract<ControlPayload, { readonly control: 'loop' }>;

/** One instance of the body for each element of a list. */
function* scatter(node: ReadyControl, payload: Scatter): Generator<void, Expanded> {
  const { over, maxConcurrency } = payload;
  const name = node.job;
  const context = resolveContext((upstream) => node.upstream(upstream)?.value, ANYWHERE);
  const read = (data: Json): unknown => resolveArgument(data, context);
  const list = read(over);
  if (!Array.isArray(list)) throw noList(name, list);
  const isLong = list.length > ELEMENTS_AT_ONCE;
  if (isLong) yield;
  const body = maxConcurrency === undefined ? payload.body : cappedBody(payload.body, { name, limit: maxConcurrency });
  const elementAt = elementsOf(over, list, context);
  yield* refuseSharedPaths(body, { name, length: list.length, read, elementAt });
  const becoming = new Becoming(node, { name, gather: payload.gather });
  const elements = new ElementsWriter();
  for (let i = 0; i < list.length; i += 1) {
    if (i > 0 && i % ELEMENTS_AT_ONCE === 0) yield;
    const holes = { item: elementAt(i), index: i };
    const instance = addInstance(becoming.builder, body, { prefix: `${name}/${i}`, holes });
    becoming.gathers(instance);
    elements.add([instance.first, instance.result]);
  }
  const value = elements.value(body.nodes.length);
  if (isLong) yield;
  return yield* becoming.doneInSlices(value);
}

interface ReadList {
  readonly name: string;
  readonly length: number;
  readonly read: (data: Json) => unknown;
  readonly elementAt: (i: number) => Json;
}

/** @throws {HeddleError} GRAPH_INVALID when two elements would publish one path, as far as that is known */
function* refuseSharedPaths(body: Body, { name, length, read, elementAt }: ReadList): Generator<void> {
  const templates = publishTemplates(body);
  if (templates.length === 0) return;
  const publishers = new Map<string, number>();
  for (let i = 0; i < length; i += 1) {
    if (i > 0 && i % ELEMENTS_AT_ONCE === 0) yield;
    for (const template of templates) {
      const path = publishPath(template, (data) =>
        read(fillData(data, { item: elementAt(i), index: i }, `${name}/${i}`)),
      );
      const other = publishers.get(path);
      if (other !== undefined)
        throw new HeddleError('GRAPH_INVALID', `elements ${other} and ${i} of '${name}' both publish '${path}'`, {
          hint: 'put what tells them apart, or the index, into the path',
        });
      publishers.set(path, i);
    }
  }
}

/**
 * Says of each element of a list how it stands in its instance, as data: of a list that is written down, what stands there; of
 * a value its part itself, so that no instance has to read the whole list.
 */
function elementsOf(over: Json, list: readonly unknown[], context: ResolveContext): (i: number) => Json {
  if (isArray(over)) return (i) => over[i] as Json;
  const { $ref: ref } = over as unknown as Partial<Ref>;
  if (ref === undefined) return (i) => clonedData(list[i]);
  const found = findRef({ $ref: ref }, context);
  if (found.kind === 'gathered') return (i) => (found.data as readonly Json[])[i] as Json;
  if (context.value(ref[0])?.codec === 'json') return (i) => escapedData(list[i] as Json);
  return (i) => clonedData(list[i]);
}

const ANYWHERE = { project: '', clones: true } as const;

function isArray(data: Json): data is readonly Json[] {
  return Array.isArray(data);
}

function noList(name: string, value: unknown): HeddleError {
  return new HeddleError('VALUE_INVALID', `'${name}' maps over what is no list: ${brief(value)}`, {
    hint: 'map over a list: [...set], Object.entries(record)',
  });
}

function branch(node: ReadyControl, payload: Branch): Expanded {
  const label = chosen(node, payload);
  if (label === undefined) return { skipped: true };
  const becoming = new Becoming(node, { name: node.job, gather: payload.gather });
  const body = payload.branches[label] as Branch['branches'][string];
  const instance = addInstance(becoming.builder, body, { prefix: `${node.job}/${label}`, holes: {} });
  becoming.gathers(instance);
  return becoming.done({ result: instance.result, nodes: rangeOf(instance) });
}

/** Label of the branch that is taken. Undefined: none. */
function chosen(node: ReadyControl, { on, branches, otherwise }: Branch): string | undefined {
  const read = readerOf(node);
  if (hasTests(on)) return on.when.find(({ test }) => holds(test, read))?.label ?? otherwise;
  const value = read(on);
  const label = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
  if (typeof label === 'string' && Object.hasOwn(branches, label)) return label;
  if (otherwise !== undefined || label === null || label === undefined) return otherwise;
  const labels = Object.keys(branches).map((each) => `'${each}'`);
  throw new HeddleError('VALUE_INVALID', `'${node.job}' has no branch ${brief(value)}`, {
    details: { value: brief(value), branches: Object.keys(branches) },
    hint: `there is ${labels.join(', ')}: add that branch, or an otherwise`,
  });
}

function loop(node: ReadyControl, payload: Loop): Expanded {
  const { iteration, initial: state, maxIterations } = payload;
  if (iteration === undefined) return turn(node, payload, { name: node.job, next: 0 });
  const name = node.job.slice(0, -turnEnds(iteration).length);
  const holes = { state, iteration };
  const until = mapTest(payload.until, (data) => fillData(data, holes, `${name}/${iteration}`));
  if (holds(until, readerOf(node))) return { value: encoded({ result: state }) };
  if (iteration + 1 < maxIterations) return turn(node, payload, { name, next: iteration + 1 });
  if (payload.atMost === 'accept') return { value: encoded({ result: state }) };
  throw new HeddleError('VALUE_INVALID', `'${name}' has not come to its end after ${maxIterations} iterations`, {
    hint: "allow more of them, or accept what there is then: { atMost: 'accept' }",
  });
}

/** Of the name of the node that looks at what a turn has left. */
function turnEnds(iteration: number): string {
  return `/until-${iteration}`;
}

/** One more turn, and the node that looks at what it has left. */
function turn(node: ReadyControl, payload: Loop, { name, next }: { name: string; next: number }): Expanded {
  const becoming = new Becoming(node, { name, gather: payload.gather });
  const holes = { state: payload.initial, iteration: next };
  const instance = addInstance(becoming.builder, payload.body, { prefix: `${name}/${next}`, holes });
  becoming.gathers(instance);
  const then: Loop = { ...payload, initial: instance.result, iteration: next };
  const needed = neededBy(then);
  const looking = becoming.builder.add(`${name}${turnEnds(next)}`, {
    definition: definitionOf(node.definition.name, 'control', {}),
    payload: JSON.stringify(then),
    edges: [
      ...[...needed].map((from) => ({ from, accept: DATA_EDGE })),
      ...nodesOf(instance).flatMap((from) => (needed.has(from) ? [] : [{ from, accept: ACCEPT_ALL }])),
    ],
  });
  becoming.awaits(looking);
  return becoming.done({ next: looking, nodes: rangeOf(instance) });
}

function rangeOf({ first, size }: Instance): NodeRange {
  return { first, size };
}

/** Gathers what a control node becomes: new nodes, and the edges by which its gather waits for them. */
class Becoming {
  readonly builder: GraphBuilder;
  readonly #gather: number;
  readonly #edges: LateEdge[] = [];

  /** @throws {HeddleError} GRAPH_INVALID when there is no such gather */
  constructor(node: ReadyControl, { name, gather }: { readonly name: string; readonly gather: string }) {
    const index = node.indexOf(gather);
    if (index === undefined)
      throw new HeddleError('GRAPH_INVALID', `'${node.job}' is gathered by '${gather}', and there is no such task`, {
        hint: 'a control node and its gather belong together',
      });
    this.builder = new GraphBuilder(name, { base: node.base });
    this.#gather = index;
  }

  /** The gather waits for the ends of an instance's nodes, however they end: it says what became of them. */
  gathers(instance: Instance): void {
    for (const from of nodesOf(instance)) this.awaits(from);
  }

  awaits(from: number): void {
    this.#edges.push({ from, to: this.#gather, accept: ACCEPT_ALL });
  }

  done(became: Exclude<Became, { readonly elements: unknown }>): Expanded {
    const value = encoded(became);
    if (this.builder.size === 0) return { value };
    return { segment: this.builder.build(), lateEdges: this.#edges, value };
  }

  /** As `done`, of what may be many nodes: yields now and then. */
  *doneInSlices(value: Value): Generator<void, Expanded> {
    if (this.builder.size === 0) return { value };
    return { segment: yield* this.builder.buildInSlices(), lateEdges: this.#edges, value };
  }
}

/** The nodes of an instance, by their indices in the run. */
function nodesOf({ first, size }: Instance): readonly number[] {
  return Array.from({ length: size }, (_, k) => first + k);
}

/** What a control node tells its gather, as a value. */
function encoded(became: Became): Value {
  return { codec: 'json', json: JSON.stringify(became) };
}

/** Reads data with refs, each value once. */
function readerOf(node: ReadyControl): (data: Json) => unknown {
  return dataReader((upstream) => node.upstream(upstream)?.value);
}

/** Reads data with refs; `undefined` where a path leads to nothing. */
export type ReadData = (data: Json) => unknown;

/**
 * Says whether a test holds. Equality is that of data, at any depth; order is that of numbers and of texts.
 *
 * @throws {HeddleError} VALUE_INVALID when what is compared has no order
 */
export function holds(test: Test, read: ReadData): boolean {
  if ('truthy' in test) return Boolean(read(test.truthy));
  if ('not' in test) return !holds(test.not, read);
  if ('all' in test) return test.all.every((each) => holds(each, read));
  if ('any' in test) return test.any.some((each) => holds(each, read));
  return compares(test.compare, read(test.left), read(test.right));
}

function compares(
  comparison: Extract<Test, { readonly compare: string }>['compare'],
  left: unknown,
  right: unknown,
): boolean {
  switch (comparison) {
    case '==':
      return isDeepStrictEqual(left, right);
    case '!=':
      return !isDeepStrictEqual(left, right);
    case '<':
      return order(left, right) < 0;
    case '<=':
      return order(left, right) <= 0;
    case '>':
      return order(left, right) > 0;
    case '>=':
      return order(left, right) >= 0;
  }
}

/** NaN where numbers have no order, so that nothing holds of them. */
function order(left: unknown, right: unknown): number {
  if (typeof left === 'number' && typeof right === 'number') return left === right ? 0 : left - right;
  if (typeof left === 'bigint' && typeof right === 'bigint') return left < right ? -1 : Number(left > right);
  // By code units, as JavaScript compares texts, and the same in every locale.
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : Number(left > right);
  throw new HeddleError('VALUE_INVALID', `${brief(left)} and ${brief(right)} can't be compared by size`, {
    hint: 'compare two numbers, or two texts',
  });
}
