import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Engine,
  type FileReference,
  FileReference as Reference,
  type FileStore,
  type Job,
  TaskExecutionError,
} from '../../jobs/index.ts';
import { asError, HeddleError } from '../../model/index.ts';
import type { CallDescription, CommandDescription, CommandResult, ItemDescription } from './description.ts';
import type { ItemEditor } from './item.ts';
import { ItemJob } from './item-job.ts';
import { resolveItems } from './resolve-items.ts';

/** Of what a command that failed wrote to stderr, so much is told. */
const TOLD_LINES = 5;
const TOLD_CHARACTERS = 1000;

/**
 * Brings items to their ends: what a subclass's `execute` gives or throws becomes the item's result or its exception, and nothing
 * else can come of it.
 */
export abstract class AbstractWorkflowUpdater {
  /** Does what a description says, somewhere; resolves with its result. */
  protected abstract execute(description: ItemDescription): Promise<unknown>;

  /**
   * Submits an item. The watcher that is given is running already; it resolves, and never rejects, when the item has its result or
   * its exception. The editor is the watcher's from here on.
   */
  submit(item: ItemEditor): Promise<void> {
    return this.#watch(item);
  }

  async #watch(item: ItemEditor): Promise<void> {
    using editor = item;
    try {
      editor.setResult(await this.execute(editor.description));
    } catch (error) {
      if (editor.view.done) return;
      editor.setException(asError(error));
    }
  }
}

export interface EngineUpdaterOptions {
  readonly engine: Engine;
  readonly datastore: FileStore;
  /** Backends by name. */
  readonly calls: string;
  readonly commands: string;
  /** From its abort on nothing more is submitted. */
  readonly signal: AbortSignal;
}

/** Makes each item a job of an engine. */
export class EngineUpdater extends AbstractWorkflowUpdater {
  readonly #options: EngineUpdaterOptions;

  constructor(options: EngineUpdaterOptions) {
    super();
    this.#options = options;
  }

  protected async execute(description: ItemDescription): Promise<unknown> {
    return description.kind === 'call' ? this.#call(description) : this.#command(description);
  }

  async #call(description: CallDescription): Promise<unknown> {
    const { engine, calls, signal } = this.#options;
    const args = (await resolveItems(description.args)) as readonly unknown[];
    signal.throwIfAborted();
    return engine.execute(ItemJob.ofCall(description, args, calls));
  }

  async #command(description: CommandDescription): Promise<CommandResult> {
    const { engine, commands, datastore, signal } = this.#options;
    const argv = ((await resolveItems(description.argv)) as readonly unknown[]).map((word) =>
      wordOf(word, description),
    );
    const inputs = Object.entries((await resolveItems(description.inputs)) as Readonly<Record<string, unknown>>);
    const files = inputs.map(([name, value]) => [name, fileOf(value, description).path] as const);
    const stdin = await this.#stdin(description);
    const ready = { argv, inputs: Object.fromEntries(files), ...(stdin === undefined ? {} : { stdin }) };
    signal.throwIfAborted();
    const job = ItemJob.ofCommand(description, ready, commands);
    engine.submit(job);
    try {
      await job.result();
    } catch (error) {
      throw error instanceof TaskExecutionError ? await commandError(description, job, error) : error;
    }
    return this.#gather(description, job, datastore);
  }

  async #stdin({ stdin, label }: CommandDescription): Promise<string | undefined> {
    if (stdin === undefined) return undefined;
    const value = await resolveItems(stdin);
    if (value instanceof Reference) return value.path;
    const text = Array.isArray(value) ? value.map((line) => `${String(line)}\n`).join('') : value;
    if (typeof text !== 'string') throw misfit(label, 'its stdin is no text and no file');
    return (await this.#options.datastore.addContent(text, { name: 'stdin' })).path;
  }

  /** Takes what it left into the store: its directory goes with the engine. */
  async #gather({ outputs }: CommandDescription, job: Job<unknown>, store: FileStore): Promise<CommandResult> {
    const add = (path: string): Promise<FileReference> => store.addFile(join(job.directory, path));
    // Byte for byte; one that wrote nothing may have no file.
    const [stdout, stderr] = await Promise.all(
      ['stdout', 'stderr'].map((name) =>
        existsSync(join(job.directory, name)) ? add(name) : store.addContent('', { name }),
      ),
    );
    const files: Record<string, FileReference> = {};
    for (const [name, path] of Object.entries(outputs)) files[name] = await add(path);
    return { exitCode: 0, stdout: stdout as FileReference, stderr: stderr as FileReference, files };
  }
}

function wordOf(word: unknown, { label }: CommandDescription): string {
  if (word instanceof Reference) return word.path;
  if (typeof word === 'string' || typeof word === 'number') return String(word);
  throw misfit(label, 'a word of it is no text, number or file');
}

function fileOf(value: unknown, { label }: CommandDescription): FileReference {
  if (value instanceof Reference) return value;
  throw misfit(label, 'an input of it is no file');
}

function misfit(label: string, why: string): HeddleError {
  return new HeddleError('VALUE_INVALID', `command '${label}' can't run: ${why}`, {
    hint: "of a command's result take a part: list.part('stdout')",
  });
}

async function commandError(
  description: CommandDescription,
  job: Job<unknown>,
  cause: TaskExecutionError,
): Promise<HeddleError> {
  const said = (await job.stderr()).trimEnd().split('\n').slice(-TOLD_LINES).join('\n').slice(-TOLD_CHARACTERS);
  const how = cause.message.replace(/^job '.*?' failed: /, '');
  return new HeddleError(
    'TASK_FAILED',
    `command '${description.label}' failed: ${how}${said === '' ? '' : `: ${said}`}`,
    {
      cause,
      ...(cause.details === undefined ? {} : { details: cause.details }),
    },
  );
}
