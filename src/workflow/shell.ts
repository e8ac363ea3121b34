import { HeddleError, type Ref, type Json, type TemplatePart, checkScript, refuseNul } from '../model/index.ts';
import { type DataScope, toData } from './data.ts';
import { PathTemplate } from './output.ts';

/** What may stand in a template: anything but `undefined`. */
export type Interpolation = NonNullable<unknown> | null;

type Piece = string | { readonly value: unknown } | { readonly raw: unknown };

/** Shell text with holes, as `` sh`...` `` makes it. */
export class ShellCommand {
  readonly pieces: readonly Piece[];

  constructor(pieces: readonly Piece[]) {
    this.pieces = pieces;
  }
}

/** Text that goes into a shell command as it stands. */
export class RawText {
  readonly text: unknown;

  constructor(text: unknown) {
    this.text = text;
  }
}

class ProjectDirectory {
  /** A variable and no path: so that where a project lies is no part of what a task is. */
  readonly shell: string = '"${project}"';
}

/** The project's directory, where it will be when the command runs. For `` sh`...` `` only. */
export const project: ProjectDirectory = new ProjectDirectory();

/**
 * A shell command with values in it. Values are quoted, always: text stays one word, a list
 * becomes several, an object its JSON, a file the path where it will lie. What the shell itself is to
 * expand is written `\${NAME}` or `$NAME`.
 *
 * @example
 * sh`./md --temp ${p.temperature} --out energy.json`
 *
 * @throws {HeddleError} TEMPLATE_INVALID when a value stands inside quotes, a comment or a here-document
 */
export function sh(strings: TemplateStringsArray, ...values: readonly Interpolation[]): ShellCommand {
  const pieces: Piece[] = [];
  strings.forEach((text, i) => {
    if (typeof (text as string | undefined) !== 'string')
      throw new HeddleError('TEMPLATE_INVALID', `a piece of a command has a bad escape: ${strings.raw[i]}`, {
        hint: 'write a backslash as \\\\',
      });
    if (text !== '') pieces.push(refuseNul(text));
    if (i < values.length) pieces.push(...piecesOf(values[i]));
  });
  checkScript(
    pieces.map(
      (piece): TemplatePart => (typeof piece === 'string' ? piece : 'raw' in piece ? { raw: '' } : { value: '' }),
    ),
  );
  return new ShellCommand(pieces);
}

function piecesOf(value: unknown): readonly Piece[] {
  if (value instanceof ShellCommand) return value.pieces;
  if (value instanceof RawText) return [{ raw: value.text }];
  if (value instanceof ProjectDirectory) return [value.shell];
  return [{ value }];
}

/** Puts text into a command as it stands, unquoted: the shell will read it. Never for what came from outside. */
export function raw(text: Interpolation): RawText {
  return new RawText(text);
}

/** The template as data. */
export function scriptData(command: ShellCommand, scope: DataScope, task: string): readonly TemplatePart[] {
  return command.pieces.map((piece): TemplatePart => {
    if (typeof piece === 'string') return piece;
    if ('raw' in piece)
      return { raw: toData(piece.raw, scope, `a raw value in the command of '${task}'`) as Json | Ref };
    return { value: toData(piece.value, scope, `a value in the command of '${task}'`) };
  });
}

/** An argv as data: each entry its own argument, a list several. */
export function argvData(
  argv: readonly unknown[],
  scope: DataScope,
  task: string,
): readonly (readonly TemplatePart[])[] {
  return argv.map((argument, i): readonly TemplatePart[] => {
    if (argument instanceof ShellCommand || argument instanceof RawText || argument instanceof ProjectDirectory) {
      throw new HeddleError('TEMPLATE_INVALID', `argument ${i} of '${task}' is for a shell, and argv has none`, {
        hint: 'let run return sh`...`',
      });
    }
    if (typeof argument === 'string') return [refuseNul(argument)];
    if (argument instanceof PathTemplate)
      return argument.pieces
        .filter((piece) => piece !== '')
        .map((piece) =>
          typeof piece === 'string'
            ? refuseNul(piece)
            : { value: toData(piece.value, scope, `argument ${i} of '${task}'`) },
        );
    return [{ value: toData(argument, scope, `argument ${i} of '${task}'`) }];
  });
}
