import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type {
  AttemptOrder,
  Backend,
  BackendContext,
  CommandOutput,
  LaunchAnswer,
  Outcome,
  Place,
  ResolvedWork,
  Value,
} from '../../../src/model/index.ts';

/** What a call is taken to return. */
export type CallBody = (work: Extract<ResolvedWork, { kind: 'call' }>, job: string) => unknown;
/** What a command is taken to write: text by the name of the output. Its inputs are read for it. */
export type CommandBody = (
  work: Extract<ResolvedWork, { kind: 'command' }>,
  inputs: Readonly<Record<string, string>>,
  job: string,
) => Readonly<Record<string, string>>;

/** Does at once what it is told a job does, and keeps in mind which jobs it was given. */
export class RecordingBackend implements Backend {
  readonly name: string;
  readonly capabilities = { commands: true, calls: true, recoverable: false, batches: false, local: true };
  readonly launched: string[] = [];
  readonly #call: CallBody;
  readonly #command: CommandBody;
  #context: BackendContext | undefined;

  constructor(name: string, { call, command }: { readonly call: CallBody; readonly command: CommandBody }) {
    this.name = name;
    this.#call = call;
    this.#command = command;
  }

  async open(context: BackendContext): Promise<readonly Place[]> {
    this.#context = context;
    return [{ name: this.name, cpus: 64 }];
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] {
    for (const order of orders) {
      this.launched.push(order.job);
      this.#context?.report({ kind: 'ended', attempt: order.attempt, outcome: this.#outcomeOf(order) });
    }
    return orders.map(() => ({ kind: 'accepted', handle: '' }));
  }

  cancel(): void {
    // Nothing of it lives long enough.
  }

  async recover(): Promise<readonly []> {
    return [];
  }

  release(): void {
    // Nothing is kept of attempts.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#context = undefined;
  }

  #outcomeOf({ work, job, directory }: AttemptOrder): Outcome {
    try {
      if (work.kind === 'call') return { kind: 'ok', value: json(this.#call(work, job)) };
      const inputs = Object.fromEntries(
        work.inputs.map(({ name, at }) => [name, readFileSync(this.#placed(at), 'utf8')]),
      );
      const texts = this.#command(work, inputs, job);
      const outputs = work.outputs.map((spec) => [spec.name, this.#written(directory, spec, texts[spec.name] ?? '')]);
      return { kind: 'ok', value: json({ outputs: Object.fromEntries(outputs) as unknown }) };
    } catch (error) {
      const { name, message } = error as Error;
      return { kind: 'error', error: { name, message } };
    }
  }

  #placed(at: string): string {
    return isAbsolute(at) ? at : join(this.#context?.directory ?? '', at);
  }

  #written(
    directory: string,
    { path, type }: { readonly path: string; readonly type: 'file' | 'json' | 'text' },
    text: string,
  ): CommandOutput {
    const place = join(directory, path);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, text);
    const store = `${this.#context?.directory ?? ''}/`;
    const file = { sha256: hash('sha256', text), size: Buffer.byteLength(text), name: path };
    const at = place.startsWith(store) ? place.slice(store.length) : place;
    if (type === 'file') return { type, file, at };
    return type === 'json' ? { type, value: JSON.parse(text) as number, file, at } : { type, value: text, file, at };
  }
}

function json(value: unknown): Value {
  return { codec: 'json', json: JSON.stringify(value) };
}
