import { Session } from 'node:inspector';
import type { AnyFunction } from './local-functions.ts';

/** A script as V8 runs it: types are stripped from it, and loaders have had their way with it. */
export interface ScriptText {
  /** A file URL for most; empty for `eval`, `[eval]` and the like for what was typed. */
  readonly url: string;
  /** An ECMAScript module; else a script, or the body of a CommonJS module. */
  readonly isModule: boolean;
  readonly source: string;
}

/** What V8 knows of a function: where it is written, and what is around it. */
export interface FunctionFacts {
  readonly script: ScriptText;
  /** Where its parameters begin in the script's source. */
  readonly offset: number;
  /** Says of names which of them, looked for from the outermost scope of its script inwards, are this very function. */
  readonly namesOfItself: (names: readonly string[]) => readonly string[];
  /** Says which of these names a scope around it has. */
  readonly namesAround: (names: readonly string[]) => readonly string[];
}

interface Location {
  readonly scriptId: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

interface Remote {
  readonly objectId?: string;
  readonly value?: unknown;
  readonly description?: string;
}

interface Property {
  readonly name: string;
  readonly value?: Remote;
}

interface ParsedScript {
  readonly scriptId: string;
  readonly url: string;
  readonly startLine: number;
  readonly startColumn: number;
  readonly isModule?: boolean;
}

interface KnownScript extends ScriptText {
  readonly startLine: number;
  readonly startColumn: number;
  /** Offsets at which lines begin. */
  readonly lines: readonly number[];
}

/** Scripts by id, which V8 never gives twice in a process. */
const scripts = new Map<string, KnownScript>();

/** Under this key of the global object a function is handed to the inspector for a moment. */
const HANDOVER = '__heddle_inspected_function__';
const GROUP = 'heddle';

/**
 * Asks the in-process inspector about a function. On one thread it answers while it is asked; nothing is opened, and no debugger
 * outside is needed or disturbed. Undefined for native and bound functions, and where there is no inspector.
 */
export function inspectFunction(fn: AnyFunction): FunctionFacts | undefined {
  let session: Session;
  try {
    session = new Session();
    session.connect();
  } catch {
    // Built without it, or not permitted.
    return undefined;
  }
  try {
    return readFacts(session, fn);
  } finally {
    session.disconnect();
  }
}

function readFacts(session: Session, fn: AnyFunction): FunctionFacts | undefined {
  const objectId = remoteOf(session, fn);
  const { internalProperties = [] } = post<{ readonly internalProperties?: readonly Property[] }>(
    session,
    'Runtime.getProperties',
    { objectId, ownProperties: true },
  );
  const internal = new Map(internalProperties.map(({ name, value }) => [name, value]));
  const location = internal.get('[[FunctionLocation]]')?.value as Location | undefined;
  if (location === undefined) return undefined;
  const script = scripts.get(location.scriptId) ?? readScript(session, location.scriptId);
  if (script === undefined) return undefined;
  return {
    script,
    offset: offsetOf(script, location),
    namesOfItself: (names) => askScopes(fn, names, 'itself'),
    namesAround: (names) => askScopes(fn, names, 'present'),
  };
}

/** Hands a function to the inspector. */
function remoteOf(session: Session, fn: AnyFunction): string {
  Object.defineProperty(globalThis, HANDOVER, { value: fn, configurable: true });
  try {
    const { result } = post<{ readonly result: Remote }>(session, 'Runtime.evaluate', {
      expression: HANDOVER,
      objectGroup: GROUP,
    });
    return result.objectId as string;
  } finally {
    delete (globalThis as { [HANDOVER]?: unknown })[HANDOVER];
  }
}

/** Every script V8 has is told when the debugger is switched on; the text of one is given only while it is. */
function readScript(session: Session, scriptId: string): KnownScript | undefined {
  let found: ParsedScript | undefined;
  session.on('Debugger.scriptParsed', ({ params }: { readonly params: ParsedScript }) => {
    if (params.scriptId === scriptId) found = params;
  });
  post(session, 'Debugger.enable');
  try {
    if (found === undefined) return undefined;
    const { scriptSource: source } = post<{ readonly scriptSource: string }>(session, 'Debugger.getScriptSource', {
      scriptId,
    });
    const { url, isModule = false, startLine, startColumn } = found;
    const known = { url, isModule, source, startLine, startColumn, lines: lineStarts(source) };
    scripts.set(scriptId, known);
    return known;
  } finally {
    post(session, 'Debugger.disable');
  }
}

function lineStarts(source: string): readonly number[] {
  return [0, ...[...source.matchAll(/\r\n|[\n\r\u2028\u2029]/g)].map(({ 0: end, index }) => index + end.length)];
}

/** Whoever wraps a module's text in a function tells V8 to count its first columns as none. */
function offsetOf({ lines, startLine, startColumn }: KnownScript, { lineNumber, columnNumber }: Location): number {
  const line = lineNumber - startLine;
  return (lines[line] ?? 0) + columnNumber - (line === 0 ? startColumn : 0);
}

/**
 * Runs in the inspected realm, on one scope: which of the names it has, and which of those are the function. A variable that
 * is not there yet throws.
 */
const LOOK = `function (fn, names) {
  const scope = this.object;
  const present = names.filter((name) => Object.hasOwn(scope, name));
  const itself = present.filter((name) => { try { return scope[name] === fn; } catch { return false; } });
  return { present, itself };
}`;

function askScopes(fn: AnyFunction, names: readonly string[], wanted: 'present' | 'itself'): readonly string[] {
  if (names.length === 0) return [];
  const session = new Session();
  session.connect();
  try {
    const objectId = remoteOf(session, fn);
    const { internalProperties = [] } = post<{ readonly internalProperties?: readonly Property[] }>(
      session,
      'Runtime.getProperties',
      { objectId, ownProperties: true },
    );
    const scopesId = internalProperties.find(({ name }) => name === '[[Scopes]]')?.value?.objectId;
    if (scopesId === undefined) return [];
    const { result } = post<{ readonly result: readonly Property[] }>(session, 'Runtime.getProperties', {
      objectId: scopesId,
      ownProperties: true,
    });
    const answers = new Map<string, boolean>();
    // Outermost first: what an inner scope calls the same is something else.
    for (const { value } of result.toReversed()) {
      if (value?.objectId === undefined || value.description === 'Global') continue;
      const look = post<{ readonly result: { readonly value?: Record<'present' | 'itself', readonly string[]> } }>(
        session,
        'Runtime.callFunctionOn',
        {
          objectId: value.objectId,
          functionDeclaration: LOOK,
          arguments: [{ objectId }, { value: names }],
          returnByValue: true,
          silent: true,
        },
      ).result.value;
      for (const name of look?.present ?? []) {
        if (!answers.has(name)) answers.set(name, wanted === 'present' || look?.itself.includes(name) === true);
      }
    }
    return names.filter((name) => answers.get(name) === true);
  } finally {
    session.disconnect();
  }
}

/** Asks the inspector of this very thread, which answers before `post` returns. */
function post<Answer = unknown>(session: Session, method: string, params: object = {}): Answer {
  let answer: { readonly result: Answer } | undefined;
  let failure: Error | null = null;
  session.post(method, params, (error: Error | null, result: unknown) => {
    failure = error;
    answer = { result: result as Answer };
  });
  if (failure !== null) throw failure as Error;
  if (answer === undefined) throw new Error(`the inspector did not answer ${method} at once`);
  return answer.result;
}
