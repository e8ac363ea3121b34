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
  type OutputSpec,
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
  | { readonly kind: 'outputs'; readonly types: ReadonlyMap<unknown, OutputSpec['type']> }
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
  return { kind: 'outputs', types: new Map((payload.outputs ?? []).map(({ name, type }) => [name, type])) };
}

function noValue(): Declared {
  return { kind: 'none', why: 'has no value', hint: 'to wait for its end only, write it under after' };
}

/**
 * Refuses refs to what is not there: outputs that a command does not declare, parts of files and texts, values of tasks that
 * have none; and files taken where there is none.
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
  if (!isControl(typed)) {
    checkData(payload, place);
    if ('inputs' in typed)
      for (const { name, from } of typed.inputs ?? []) checkInput(name, from as unknown as Json, place);
    return;
  }
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
  const found = leadsTo(data, place);
  if (found !== undefined) checkPath(found, place.where);
  else if (!isMark(data)) for (const member of Object.values(data)) checkData(member as Json, place);
}

/** A task that data leads to, and the steps from there. */
interface Lead {
  readonly name: string;
  readonly declared: Declared;
  readonly path: readonly Json[];
}

function isMark(data: object): data is { readonly [key: string]: Json } {
  return !Array.isArray(data) && (Object.hasOwn(data, '$ref') || Object.hasOwn(data, '$hole'));
}

function leadsTo(data: object, place: Place): Lead | undefined {
  if (!isMark(data)) return undefined;
  if (Object.hasOwn(data, '$ref')) {
    const [name, ...path] = data['$ref'] as readonly Json[];
    const found = place.task(name);
    return found && { name: name as string, declared: found, path };
  }
  const [depth, node, ...path] = data['$hole'] as readonly Json[];
  const found = typeof node === 'number' ? place.hole(depth as number, node) : undefined;
  return found && { ...found, path };
}

/** An input is a whole output of a command: a part of one, or all of them, is no file. */
function checkInput(input: string, from: Json, place: Place): void {
  const lead = typeof from === 'object' && from !== null ? leadsTo(from, place) : undefined;
  if (lead?.declared.kind !== 'outputs' || lead.path.length === 1) return;
  const what =
    lead.path.length === 0 ? `all of '${lead.name}'` : `a part of '${lead.path[0] as string}' of '${lead.name}'`;
  throw new HeddleError('GRAPH_INVALID', `input '${input}' of ${place.where} is ${what}, which is no file`, {
    details: { task: lead.name, path: lead.path },
    hint: "take one output as a whole, or put the value into the command's text",
  });
}

function checkPath({ name, declared: there, path: [first, second] }: Lead, where: string): void {
  if (there.kind === 'any') return;
  if (there.kind === 'none')
    throw new HeddleError('GRAPH_INVALID', `${where} needs the value of '${name}', which ${there.why}`, {
      hint: there.hint,
    });
  const type = there.types.get(first);
  if (type !== undefined && type !== 'json' && second !== undefined) {
    const what = type === 'file' ? 'a file' : 'text';
    throw new HeddleError(
      'GRAPH_INVALID',
      `${where} takes a part of '${first as string}' of '${name}', which is ${what}`,
      {
        details: { task: name, output: first },
        hint: 'declare it as json to take parts of it',
      },
    );
  }
  if (first === undefined || type !== undefined) return;
  const wanted = typeof first === 'string' ? first : brief(first);
  const names = [...there.types.keys()] as string[];
  const nearest = nearestName(wanted, names);
  throw new HeddleError('GRAPH_INVALID', `${where} takes '${wanted}' of '${name}', which declares no such output`, {
    details: { task: name, output: first, outputs: names },
    hint:
      nearest === undefined
        ? `it declares ${names.length === 0 ? 'none' : names.join(', ')}`
        : `did you mean '${nearest}'?`,
  });
}
