import { isDeepStrictEqual } from 'node:util';
import type { Body, ControlPayload, Test } from './control.ts';
import { cappedBody, hasTests, mapTest, neededBy } from './control-data.ts';
import { definitionOf } from './definition-input.ts';
import { HeddleError } from './errors.ts';
import type { Became, Expanded, LateEdge, NodeRange, ReadyControl } from './expansion-shape.ts';
import { becameOf, ELEMENTS_AT_ONCE, gatherElements, gatherResult } from './expansion-gather.ts';
import { DATA_EDGE } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { addInstance, fillData, type Instance, publishTemplates } from './instance.ts';
import { ACCEPT_ALL } from './status.ts';
import type { Ref } from './task.ts';
import { publishPath } from './template.ts';
import { brief, dataReader, findRef, resolveContext } from './template-data.ts';
import { escapedData, type Json, type Value } from './value.ts';

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
    case 'gather': {
      const became = becameOf(node, payload.of);
      return 'elements' in became ? gatherElements(node, became, payload.settled === true) : gatherResult(node, became);
    }
  }
}

type Scatter = Extract<ControlPayload, { readonly control: 'scatter' }>;
type Branch = Extract<ControlPayload, { readonly control: 'branch' }>;
type Loop = Extract<ControlPayload, { readonly control: 'loop' }>;

function* scatter(node: ReadyControl, payload: Scatter): Generator<void, Expanded> {
  const { over, maxConcurrency } = payload;
  const name = node.job;
  const read = readerOf(node);
  const list = read(over);
  if (!Array.isArray(list)) throw noList(name, list);
  const body = maxConcurrency === undefined ? payload.body : cappedBody(payload.body, { name, limit: maxConcurrency });
  const elementAt = elementsOf(node, over, list);
  refuseSharedPaths(body, { name, length: list.length, read, elementAt });
  const builder = new GraphBuilder(name, { base: node.base });
  const becoming = new Becoming(node, { builder, gather: payload.gather });
  const elements: [number, Json][] = [];
  for (let i = 0; i < list.length; i += 1) {
    if (i > 0 && i % ELEMENTS_AT_ONCE === 0) yield;
    const holes = { item: elementAt(i), index: i };
    const instance = addInstance(builder, body, { prefix: `${name}/${i}`, holes });
    becoming.gathers(instance);
    elements.push([instance.first, instance.result]);
  }
  return becoming.done({ elements, size: body.nodes.length });
}

interface ReadList {
  readonly name: string;
  readonly length: number;
  readonly read: (data: Json) => unknown;
  readonly elementAt: (i: number) => Json;
}

/** @throws {HeddleError} GRAPH_INVALID when two elements would publish one path, as far as that is known */
function refuseSharedPaths(body: Body, { name, length, read, elementAt }: ReadList): void {
  const templates = publishTemplates(body);
  if (templates.length === 0) return;
  const publishers = new Map<string, number>();
  for (let i = 0; i < length; i += 1) {
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
 * a value, its part itself, so that no instance has to read the whole; a ref into it where data can't say what is there.
 */
function elementsOf(node: ReadyControl, over: Json, list: readonly unknown[]): (i: number) => Json {
  if (isArray(over)) return (i) => over[i] as Json;
  const ref = (over as unknown as Ref).$ref;
  const value = node.upstream(ref[0])?.value;
  const found = findRef(
    { $ref: ref },
    resolveContext((upstream) => node.upstream(upstream)?.value, ANYWHERE),
  );
  const part = (i: number): Json => ({ $ref: [...ref, i] }) as unknown as Json;
  if (found.kind === 'gathered')
    return (i) => {
      const data = (found.data as readonly Json[])[i] as Json;
      return holdsClone(data) ? part(i) : data;
    };
  if (value?.codec === 'json') return (i) => escapedData(list[i] as Json);
  return (i) => (isJsonLeaf(list[i]) ? (list[i] as Json) : part(i));
}

const ANYWHERE = { project: '', clones: true } as const;

function isArray(data: Json): data is readonly Json[] {
  return Array.isArray(data);
}

function isJsonLeaf(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || value === null || Number.isSafeInteger(value);
}

/** What only structured clone carries has a mark in gathered data that commands and bodies can't read. */
function holdsClone(data: Json): boolean {
  if (typeof data !== 'object' || data === null) return false;
  return Object.hasOwn(data, '$v8') || Object.values(data).some((member) => holdsClone(member as Json));
}

function noList(name: string, value: unknown): HeddleError {
  return new HeddleError('VALUE_INVALID', `'${name}' maps over what is no list: ${brief(value)}`, {
    hint: 'map over a list: [...set], Object.entries(record)',
  });
}

function branch(node: ReadyControl, payload: Branch): Expanded {
  const label = chosen(node, payload);
  if (label === undefined) return { skipped: true };
  const builder = new GraphBuilder(node.job, { base: node.base });
  const becoming = new Becoming(node, { builder, gather: payload.gather });
  const body = payload.branches[label] as Branch['branches'][string];
  const instance = addInstance(builder, body, { prefix: `${node.job}/${label}`, holes: {} });
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
  const builder = new GraphBuilder(name, { base: node.base });
  const becoming = new Becoming(node, { builder, gather: payload.gather });
  const holes = { state: payload.initial, iteration: next };
  const instance = addInstance(builder, payload.body, { prefix: `${name}/${next}`, holes });
  becoming.gathers(instance);
  const then: Loop = { ...payload, initial: instance.result, iteration: next };
  const needed = neededBy(then);
  const looking = builder.add(`${name}${turnEnds(next)}`, {
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

function nodesOf({ first, size }: Instance): readonly number[] {
  return Array.from({ length: size }, (_, k) => first + k);
}

function rangeOf({ first, size }: Instance): NodeRange {
  return { first, size };
}

/** Gathers what a control node becomes: new nodes, and the edges by which its gather waits for them. */
class Becoming {
  readonly #builder: GraphBuilder;
  readonly #gather: number;
  readonly #edges: LateEdge[] = [];

  constructor(node: ReadyControl, { builder, gather }: { readonly builder: GraphBuilder; readonly gather: string }) {
    const index = node.indexOf(gather);
    if (index === undefined)
      throw new HeddleError('GRAPH_INVALID', `'${node.job}' is gathered by '${gather}', and there is no such task`, {
        hint: 'a control node and its gather belong together',
      });
    this.#builder = builder;
    this.#gather = index;
  }

  /** The gather waits for the ends of an instance's nodes, however they end: it says what became of them. */
  gathers(instance: Instance): void {
    for (const from of nodesOf(instance)) this.awaits(from);
  }

  awaits(from: number): void {
    this.#edges.push({ from, to: this.#gather, accept: ACCEPT_ALL });
  }

  done(became: Became): Expanded {
    const value = encoded(became);
    if (this.#builder.size === 0) return { value };
    return { segment: this.#builder.build(), lateEdges: this.#edges, value };
  }
}

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
