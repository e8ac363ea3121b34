import type { DefinitionOptions } from '../../model/index.ts';
import { command, type CommandTask } from '../command.ts';
import type { FileInput } from '../data.ts';
import { Output, type Outputs, PathTemplate } from '../output.ts';
import { type Interpolation, project, raw, sh, type ShellCommand } from '../shell.ts';
import { input } from '../workflow.ts';
import type { Evaluator, Scope } from './evaluate.ts';
import type { Expression, TextPart } from './expression.ts';
import type { OutputSpecs, TaskSpec, Work } from './task-spec.ts';

type Command = Extract<Work, { readonly kind: 'command' }>;

export interface NewCommand {
  readonly spec: TaskSpec;
  readonly work: Command;
  readonly policies: DefinitionOptions;
}

/** Makes the commands of a document, each once for all its jobs that are treated alike. */
export class CommandMaker {
  readonly #evaluator: Evaluator;
  readonly #made = new Map<TaskSpec, Map<string, CommandTask<Scope, Outputs>>>();

  constructor(evaluator: Evaluator) {
    this.#evaluator = evaluator;
  }

  /** A job of a command, its values from a scope. */
  call(wanted: NewCommand, scope: Scope): unknown {
    const { spec, policies } = wanted;
    const ofSpec = this.#made.get(spec) ?? new Map<string, CommandTask<Scope, Outputs>>();
    this.#made.set(spec, ofSpec);
    const key = JSON.stringify(policies);
    const known = ofSpec.get(key) ?? this.#make(wanted);
    ofSpec.set(key, known);
    return (known as unknown as (scope: Scope) => unknown)(scope);
  }

  #make({ spec, work, policies }: NewCommand): CommandTask<Scope, Outputs> {
    const { inputFiles } = work;
    const inputs = (scope: Scope): Readonly<Record<string, FileInput>> =>
      Object.fromEntries(inputFiles.map(([name, from]) => [name, this.#file(from, scope)]));
    return command<Scope, Outputs>(spec.key, {
      ...policies,
      run: (scope) => this.#run(work, scope),
      outputs: Object.fromEntries(work.outputs.map((output) => [output.name, this.#output(output)])),
      ...(inputFiles.length === 0 ? {} : { inputs }),
    });
  }

  #run({ run, isShell }: Command, scope: Scope): ShellCommand | readonly Interpolation[] {
    if (isShell) return this.#shell(run as readonly TextPart[], scope);
    return (run as readonly Expression[]).map((argument): Interpolation => {
      if (argument.kind !== 'text') return this.#evaluator.value(argument, scope) as Interpolation;
      const pieces = this.#evaluator.pieces(argument.parts, scope);
      return pieces.every((piece) => typeof piece === 'string') ? pieces.join('') : new PathTemplate(pieces);
    });
  }

  /** As the tag `sh` is called by JavaScript: texts with a value between each two. */
  #shell(parts: readonly TextPart[], scope: Scope): ShellCommand {
    const texts = [''];
    const values: Interpolation[] = [];
    for (const part of parts) {
      if (typeof part === 'string') {
        texts[texts.length - 1] += part;
        continue;
      }
      texts.push('');
      if (part.name === 'project' && part.path.length === 0) values.push(project);
      else {
        const value = this.#evaluator.reference(part, scope) as Interpolation;
        values.push(part.isRaw ? raw(value) : value);
      }
    }
    return sh(Object.assign(texts, { raw: texts }) as unknown as TemplateStringsArray, ...values);
  }

  #output({ type, file, publish, isTemporary }: OutputSpecs): Output<unknown> {
    const own = new Output<unknown>(type, file, { temporary: isTemporary });
    if (publish === undefined) return own;
    return own.publish((scope: Scope) => {
      const pieces = this.#evaluator.pieces(publish, scope);
      return pieces.every((piece) => typeof piece === 'string') ? pieces.join('') : new PathTemplate(pieces);
    });
  }

  /** A text is the path of a file of the user's. */
  #file(from: Expression, scope: Scope): FileInput {
    const value = this.#evaluator.value(from, scope);
    return (typeof value === 'string' ? input(value) : value) as FileInput;
  }
}
