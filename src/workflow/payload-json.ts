import {
  checkScript,
  type Definition,
  HeddleError,
  type Json,
  staysInside,
  type TemplatePart,
} from '../model/index.ts';
import { readVariable } from './definition-json.ts';
import { RESERVED_PATHS } from './output.ts';
import { type Around, readControl, readData } from './control-json.ts';
import type { Shape } from './shape.ts';

/**
 * Reads a payload that came as JSON: the same promises are kept that the typed builder keeps.
 *
 * @throws {HeddleError} INPUT_INVALID with the path of what is wrong
 */
export function readPayload(payload: Shape, { kind, around }: PayloadPlace): Json {
  if (kind === 'control') readControl(payload, { around, readNode: readPayload });
  else {
    if (payload.has('call')) readCall(payload);
    else readCommand(payload);
    readData(payload, around);
  }
  return payload.json();
}

/** Whose payload it is. */
export interface PayloadPlace {
  readonly kind: Definition['kind'];
  readonly around: Around;
}

function readCall(payload: Shape): void {
  payload.fields(['call', 'args', 'stream', 'redirect', 'enterDirectory']);
  readReference(payload.get('call'));
  payload.get('args').elements();
  readFlag(payload, 'stream');
  readFlag(payload, 'enterDirectory');
  if (!payload.has('redirect')) return;
  const redirect = payload.get('redirect');
  redirect.fields(['stdout', 'stderr']);
  redirect.get('stdout').text();
  redirect.get('stderr').text();
}

/** What only a process has in its memory is no data, and can't come from outside. */
function readReference(call: Shape): void {
  switch (call.get('kind').oneOf(['builtin', 'module', 'source', 'global'])) {
    case 'builtin':
      call.fields(['kind', 'name']);
      call.get('name').oneOf(['noop', 'wait']);
      break;
    case 'module':
      call.fields(['kind', 'module', 'name', 'task']);
      call.get('module').text();
      call.get('name').text();
      readFlag(call, 'task');
      break;
    case 'source':
      call.fields(['kind', 'source']);
      call.get('source').text();
      break;
    case 'global':
      call.fields(['kind', 'name']);
      call.get('name').text();
      break;
  }
}

function readFlag(shape: Shape, field: string): void {
  if (shape.has(field) && shape.get(field).json() !== true) throw shape.get(field).wrong('is true, or not there');
}

function readCommand(payload: Shape): void {
  payload.fields(['script', 'argv', 'inputs', 'outputs', 'environment', 'replay']);
  if (payload.has('script') === payload.has('argv')) throw payload.wrong('has either a script or an argv');
  if (payload.has('script')) {
    const script = payload.get('script');
    readTemplate(script);
    readScript(script);
  } else {
    const argv = payload.get('argv').elements();
    if (argv.length === 0) throw payload.get('argv').wrong('names a program');
    argv.forEach(readTemplate);
  }
  if (payload.has('inputs')) payload.get('inputs').elements().forEach(readInput);
  if (payload.has('outputs')) payload.get('outputs').elements().forEach(readOutput);
  if (payload.has('environment')) {
    const environment = payload.get('environment');
    for (const name of environment.keys()) readVariable(environment.get(name));
  }
  if (payload.has('replay')) {
    const replay = payload.get('replay');
    replay.get('seconds').number(0);
    if (replay.has('bytes')) for (const bytes of replay.get('bytes').elements()) bytes.whole(0);
  }
}

function readTemplate(template: Shape): void {
  for (const part of template.elements())
    if (!part.isText() && !part.has('value') && !part.has('raw')) throw part.wrong('is text, a value or raw');
}

function readScript(script: Shape): void {
  try {
    checkScript(script.json() as unknown as readonly TemplatePart[]);
  } catch (cause) {
    if (!HeddleError.is(cause)) throw cause;
    throw script.wrong(`is a command in which ${cause.message}`);
  }
}

function readInput(input: Shape): void {
  const name = input.get('name');
  if (!staysInside(name.text())) throw name.wrong('is a path below inputs/, without ..');
  const from = input.get('from');
  if (!from.has('$ref') && !from.has('$file') && !from.has('$hole')) throw from.wrong('is a ref or a file');
}

function readOutput(output: Shape): void {
  output.fields(['name', 'path', 'type', 'publish', 'temporary']);
  readFlag(output, 'temporary');
  output.get('name').text();
  output.get('type').oneOf(['file', 'json', 'text']);
  const path = output.get('path');
  if (!staysInside(path.text()) || RESERVED_PATHS.has(path.text().split('/')[0] as string)) {
    throw path.wrong("is a path below the work directory, without .., and none of the engine's own");
  }
  if (!output.has('publish')) return;
  const publish = output.get('publish');
  if (!publish.isText()) readTemplate(publish);
  else if (!staysInside(publish.text())) throw publish.wrong('is a path below the results folder, without ..');
}
