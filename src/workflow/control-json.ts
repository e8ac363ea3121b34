import {
  ACCEPT_ALL,
  type ControlPayload,
  type Definition,
  type Hole,
  isControl,
  type Json,
  mapPayload,
  type Payload,
} from '../model/index.ts';
import { mapRefs } from './canonical.ts';
import { readDefinition } from './definition-json.ts';
import type { Shape } from './shape.ts';

/** Replaces the node of every ref in a payload, and of every edge in its bodies, as `rename` says. */
export function renameNodes(payload: Json, rename: (node: number | string) => number | string): Json {
  const typed = payload as unknown as Payload | ControlPayload;
  if (!isControl(typed)) return mapRefs(payload, rename);
  return mapPayload(typed, {
    data: (data) => mapRefs(data, rename),
    // In a document an edge names its task.
    edge: (from) => (isNode(from) ? (rename(from) as number) : from),
  }) as unknown as Json;
}

function isNode(from: number | string | Hole): from is number | string {
  return typeof from !== 'object';
}

/** What is around data that is being read, from the inside out: bodies with what their instances are given. */
export type Around = readonly BodyAround[];

interface BodyAround {
  readonly given: readonly string[];
  readonly size: number;
}

const LOOP_GIVES = ['state', 'iteration'];
const MAP_GIVES = ['item', 'index'];

/** What is around a control node, and how the payloads of the nodes in its bodies are read. */
export interface ControlPlace {
  readonly around: Around;
  readonly readNode: (payload: Shape, place: { readonly kind: Definition['kind']; readonly around: Around }) => void;
}

/** Reads the payload of a control node that came as JSON. @throws {HeddleError} INPUT_INVALID with the path of what is wrong */
export function readControl(payload: Shape, place: ControlPlace): void {
  const { around } = place;
  switch (payload.get('control').oneOf(['scatter', 'branch', 'loop', 'gather'])) {
    case 'scatter':
      payload.fields(['control', 'over', 'body', 'maxConcurrency', 'gather']);
      readOver(payload.get('over'), around);
      if (payload.has('maxConcurrency')) payload.get('maxConcurrency').whole(1);
      readBody(payload.get('body'), { ...place, given: MAP_GIVES });
      break;
    case 'branch':
      payload.fields(['control', 'on', 'branches', 'otherwise', 'gather']);
      readBranch(payload, place);
      break;
    case 'loop':
      payload.fields(['control', 'initial', 'body', 'until', 'maxIterations', 'atMost', 'gather']);
      readData(payload.get('initial'), around);
      payload.get('maxIterations').whole(1);
      if (payload.has('atMost')) payload.get('atMost').oneOf(['fail', 'accept']);
      readTest(payload.get('until'), [{ given: LOOP_GIVES, size: 0 }, ...around]);
      readBody(payload.get('body'), { ...place, given: LOOP_GIVES });
      break;
    case 'gather':
      payload.fields(['control', 'of', 'settled']);
      payload.get('of').text();
      if (payload.has('settled') && payload.get('settled').json() !== true)
        throw payload.get('settled').wrong('is true, or not there');
      return;
  }
  payload.get('gather').text();
}

/** A list, or a ref or a hole that leads to one. */
function readOver(over: Shape, around: Around): void {
  readData(over, around);
  const data = over.json();
  if (Array.isArray(data)) return;
  if (typeof data !== 'object' || data === null || !(Object.hasOwn(data, '$ref') || Object.hasOwn(data, '$hole')))
    throw over.wrong('is a list, or a ref to one');
}

function readBranch(payload: Shape, place: ControlPlace): void {
  const { around } = place;
  const branches = payload.get('branches');
  const labels = branches.keys();
  if (labels.length === 0) throw branches.wrong('has at least one branch');
  for (const label of labels) readBody(branches.get(label), { ...place, given: [] });
  if (payload.has('otherwise')) payload.get('otherwise').oneOf(labels);
  const on = payload.get('on');
  const data = on.json();
  if (typeof data !== 'object' || data === null || !Object.hasOwn(data, 'when')) return readData(on, around);
  on.fields(['when']);
  for (const choice of on.get('when').elements()) {
    choice.fields(['label', 'test']);
    choice.get('label').oneOf(labels);
    readTest(choice.get('test'), around);
  }
}

function readTest(test: Shape, around: Around): void {
  const [kind] = test.keys();
  switch (test.has('compare') ? 'compare' : kind) {
    case 'truthy':
      test.fields(['truthy']);
      return readData(test.get('truthy'), around);
    case 'not':
      test.fields(['not']);
      return readTest(test.get('not'), around);
    case 'all':
    case 'any':
      test.fields([kind as string]);
      for (const each of test.get(kind as string).elements()) readTest(each, around);
      return;
    case 'compare':
      test.fields(['compare', 'left', 'right']);
      test.get('compare').oneOf(['==', '!=', '<', '<=', '>', '>=']);
      readData(test.get('left'), around);
      return readData(test.get('right'), around);
    case undefined:
    default:
      throw test.wrong('is a test: truthy, compare, not, all or any');
  }
}

interface BodyPlace extends ControlPlace {
  readonly given: readonly string[];
}

function readBody(body: Shape, { around, given, readNode }: BodyPlace): void {
  body.fields(['nodes', 'result']);
  const nodes = body.get('nodes').elements();
  const inside: Around = [{ given, size: nodes.length }, ...around];
  const names = new Set<string>();
  for (const node of nodes) {
    node.fields(['name', 'definition', 'payload', 'edges', 'expectedMs']);
    const name = node.get('name');
    if (names.size === names.add(name.text()).size) throw name.wrong('is a name that no other node of the body has');
    const { kind } = readDefinition(node.get('definition'));
    if (node.has('payload')) readNode(node.get('payload'), { kind, around: inside });
    for (const edge of node.get('edges').elements()) readBodyEdge(edge, inside);
    if (node.has('expectedMs')) node.get('expectedMs').number(0);
  }
  if (body.has('result')) readData(body.get('result'), inside);
}

function readBodyEdge(edge: Shape, around: Around): void {
  edge.fields(['from', 'accept']);
  edge.get('accept').whole(0, ACCEPT_ALL);
  const from = edge.get('from');
  if (from.isText()) return;
  if (!from.has('$hole')) throw from.wrong("is a task's name, or a hole");
  readHoles(from, from.json(), around);
  if (typeof (from.json() as { readonly $hole: readonly Json[] }).$hole[1] !== 'number')
    throw from.wrong('is a hole that a node fills');
}

/** Data in which every hole is one that will be filled. */
export function readData(data: Shape, around: Around): void {
  readHoles(data, data.json(), around);
}

function readHoles(whole: Shape, data: Json, around: Around): void {
  if (typeof data !== 'object' || data === null) return;
  if (Array.isArray(data) || !Object.hasOwn(data, '$hole')) {
    for (const member of Object.values(data)) readHoles(whole, member as Json, around);
    return;
  }
  const hole: unknown = (data as { readonly $hole: unknown }).$hole;
  const [depth, what] = Array.isArray(hole) ? (hole as readonly unknown[]) : [];
  const body = typeof depth === 'number' ? around[depth] : undefined;
  const isFilled =
    body !== undefined &&
    (typeof what === 'string'
      ? body.given.includes(what)
      : Number.isSafeInteger(what) && (what as number) >= 0 && (what as number) < body.size);
  if (!isFilled) throw whole.wrong(`has a hole that nothing fills, ${JSON.stringify(hole)}`);
}
