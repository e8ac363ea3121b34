import {
  ACCEPT_ALL,
  type Body,
  bodiesOf,
  brief,
  type ControlPayload,
  HeddleError,
  isControl,
  type Json,
  mentionedByResults,
  nearestName,
  neededBy,
  type NewEdge,
  type Payload,
} from '../model/index.ts';

/** A node of a document, its refs still by name. */
export interface ReadNode {
  readonly name: string;
  readonly payload: Json;
}

type AnyPayload = Payload | ControlPayload;

/** Tasks whose values a payload needs, by name. */
export function namesNeeded(payload: Json): readonly string[] {
  if (payload === null) return [];
  const typed = payload as unknown as AnyPayload;
  const needed = [...(neededBy(typed) as ReadonlySet<unknown>)] as string[];
  return isControl(typed) && typed.control === 'gather' ? [typed.of, ...needed] : needed;
}

/** Order edges of a gather that a document need not say: from what its control node's value may be made of. */
export function edgesOfGather({ payload }: ReadNode, payloadOf: (name: string) => Json): readonly NewEdge[] {
  const gather = payload as unknown as AnyPayload | null;
  if (gather === null || !isControl(gather) || gather.control !== 'gather') return [];
  const of = payloadOf(gather.of) as unknown as ControlPayload | null;
  if (of === null || !isControl(of)) return [];
  const mentioned = mentionedByResults(of) as ReadonlySet<unknown>;
  return Array.from(mentioned, (from) => ({ from: from as string, accept: ACCEPT_ALL }));
}

/** What a task can be asked for. */
type Declared =
  | { readonly kind: 'any' }
  | { readonly kind: 'outputs'; readonly names: readonly string[] }
  /** Nothing, and why. */
  | { readonly kind: 'none'; readonly why: string; readonly hint: string };

const ANY: Declared = { kind: 'any' };

function declared(payload: AnyPayload | null): Declared {
  if (payload === null) return noValue();
  if (isControl(payload)) {
    if (payload.control === 'gather') return ANY;
    return { kind: 'none', why: 'is a control node', hint: `take the value of its gather, '${payload.gather}'` };
  }
  if ('call' in payload) return payload.call.kind === 'builtin' ? noValue() : ANY;
  return { kind: 'outputs', names: (payload.outputs ?? []).map(({ name }) => name) };
}

function noValue(): Declared {
  return { kind: 'none', why: 'has no value', hint: 'to wait for its end only, write it under after' };
}

/**
 * Refuses refs to what is not there: outputs that a command does not declare, values of tasks that have none.
 *
 * @throws {HeddleError} GRAPH_INVALID, naming who asks, what for, and the nearest name there is; GRAPH_DUPLICATE
 */
export function checkDeclared(nodes: readonly ReadNode[], result: Json | undefined): void {
  const byName = new Map(nodes.map(({ name, payload }) => [name, declared(payload as unknown as AnyPayload | null)]));
  // Who meets a name twice can't tell which of the two is meant.
  if (byName.size < nodes.length) throw duplicate(nodes);
  const outer: Scope = { task: (name) => byName.get(name as string), hole: () => undefined };
  for (const { name, payload } of nodes) checkPayload(payload, { ...outer, where: `task '${name}'` });
  // Who returns a task without a value waits for its end.
  const ofResult = (name: unknown): Declared | undefined => {
    const found = outer.task(name);
    return found?.kind === 'none' ? ANY : found;
  };
  if (result !== undefined) checkData(result, { ...outer, task: ofResult, where: 'what the workflow returns' });
}

function duplicate(nodes: readonly ReadNode[]): HeddleError {
  const seen = new Set<string>();
  const name = nodes.find((node) => seen.size === seen.add(node.name).size)?.name ?? '';
  return new HeddleError('GRAPH_DUPLICATE', `two tasks are named '${name}'`, {
    details: { name },
    hint: 'give each task a name of its own',
  });
}

interface Scope {
  readonly task: (name: unknown) => Declared | undefined;
  /** What a hole of a body's node leads to. */
  readonly hole: (depth: number, node: unknown) => { readonly name: string; readonly declared: Declared } | undefined;
}

type Place = Scope & { readonly where: string };

function checkPayload(payload: Json, place: Place): void {
  if (payload === null) return;
  const typed = payload as unknown as AnyPayload;
  if (!isControl(typed)) return checkData(payload, place);
  const bodies = bodiesOf(typed);
  const { body: _, branches: __, until: ___, ...own } = typed as unknown as Readonly<Record<string, Json>>;
  checkData(own, place);
  for (const [, body] of bodies) checkBody(body, place);
}

function checkBody({ nodes, result }: Body, place: Place): void {
  const inside = nodes.map(({ name, payload }) => ({ name, declared: declared(payload ?? null) }));
  const hole: Scope['hole'] = (depth, node) => (depth === 0 ? inside[node as number] : place.hole(depth - 1, node));
  for (const { name, payload } of nodes)
    checkPayload((payload ?? null) as unknown as Json, { ...place, hole, where: `'${name}' of ${place.where}` });
  if (result !== undefined) checkData(result, { ...place, hole, where: `what a body of ${place.where} returns` });
}

function checkData(data: Json, place: Place): void {
  if (typeof data !== 'object' || data === null) return;
  const members = data as { readonly [key: string]: Json };
  if (!Array.isArray(data) && Object.hasOwn(members, '$ref')) {
    const [name, ...path] = members['$ref'] as readonly Json[];
    const found = place.task(name);
    if (found !== undefined) checkPath({ name: name as string, declared: found }, path, place.where);
  } else if (!Array.isArray(data) && Object.hasOwn(members, '$hole')) {
    const [depth, node, ...path] = members['$hole'] as readonly Json[];
    const found = typeof node === 'number' ? place.hole(depth as number, node) : undefined;
    if (found !== undefined) checkPath(found, path, place.where);
  } else for (const member of Object.values(members)) checkData(member, place);
}

function checkPath(
  { name, declared: there }: { readonly name: string; readonly declared: Declared },
  [first]: readonly Json[],
  where: string,
): void {
  if (there.kind === 'any') return;
  if (there.kind === 'none')
    throw new HeddleError('GRAPH_INVALID', `${where} needs the value of '${name}', which ${there.why}`, {
      hint: there.hint,
    });
  if (first === undefined || there.names.includes(first as string)) return;
  const wanted = typeof first === 'string' ? first : brief(first);
  const nearest = nearestName(wanted, there.names);
  throw new HeddleError('GRAPH_INVALID', `${where} takes '${wanted}' of '${name}', which declares no such output`, {
    details: { task: name, output: first, outputs: there.names },
    hint:
      nearest === undefined
        ? `it declares ${there.names.length === 0 ? 'none' : there.names.join(', ')}`
        : `did you mean '${nearest}'?`,
  });
}
