import { checkScript, HeddleError, type Json, nearestName, resolveWork, type TemplatePart } from '../../model/index.ts';

/** `$$`, `$name` or `${name}`. What else begins with a dollar is the shell's. */
const VARIABLE = /\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})/g;

/** A command of a task, and what may stand in it. */
export interface CommandSource {
  readonly task: string;
  readonly index: number;
  readonly command: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Fills the variables of a command. Values are quoted, always, so that one is never more than a word of the command; a list is several.
 *
 * @throws {HeddleError} TEMPLATE_INVALID for a variable that nothing gives a value, naming it and the nearest that has one, and for one
 *   that stands where no value can: inside quotes, a comment, a here-document
 */
export function commandText(source: CommandSource): string {
  const { task, index, command } = source;
  const script = partsOf(source);
  try {
    checkScript(script);
    const payload = JSON.stringify({ script });
    const work = resolveWork({ kind: 'command', payload, environment: undefined, value: () => undefined });
    return work.kind === 'command' ? work.text : '';
  } catch (error) {
    if (!HeddleError.is(error)) throw error;
    throw invalid(`command ${index} of task '${task}' (${command}): ${error.message}`, error.hint ?? '', task);
  }
}

function partsOf({ task, index, command, values }: CommandSource): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  let at = 0;
  for (const found of command.matchAll(VARIABLE)) {
    const [whole, dollar, bare, braced] = found;
    parts.push(command.slice(at, found.index));
    at = found.index + whole.length;
    if (dollar !== undefined) {
      parts.push('$');
      continue;
    }
    const name = (bare ?? braced) as string;
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) {
      const nearest = nearestName(name, Object.keys(values));
      const near = nearest === undefined ? 'give it one among inputs or parameters' : `did you mean '${nearest}'?`;
      throw invalid(
        `command ${index} of task '${task}' (${command}): nothing gives '${name}' a value`,
        `${near}; a variable of the shell's own is written '$$${name}'`,
        task,
      );
    }
    parts.push({ value: value as Json });
  }
  parts.push(command.slice(at));
  return parts.filter((part) => part !== '');
}

function invalid(message: string, hint: string, task: string): HeddleError {
  return new HeddleError('TEMPLATE_INVALID', message, { hint, details: { task } });
}
