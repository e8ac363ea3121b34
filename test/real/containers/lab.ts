import { execFileSync } from 'node:child_process';
import { Bench } from '../../integration/commands/harness.ts';
import { commandsBackend } from '../../../src/backends/commands/index.ts';
import type { AttemptOrder, ContainerRuntime, ContainerSpec, Outcome } from '../../../src/model/index.ts';
import { type ComponentName, requireComponent } from '../components/components.ts';

/** A runtime this machine has, and an image it runs. */
export interface Lab {
  readonly runtime: ContainerRuntime;
  readonly image: string;
}

const COMPONENT_OF: Partial<Record<ContainerRuntime, ComponentName>> = {
  podman: 'podman',
  docker: 'docker',
  charliecloud: 'hpc-runtimes',
  bubblewrap: 'hpc-runtimes',
};

/** Those of the runtimes that can be had here; what they need is put into the environment. */
export async function labs(...runtimes: readonly ContainerRuntime[]): Promise<readonly Lab[]> {
  const found: Lab[] = [];
  for (const runtime of runtimes) {
    const component = await requireComponent(COMPONENT_OF[runtime] as ComponentName);
    if (!component.available) continue;
    const { HEDDLE_TEST_IMAGE, HEDDLE_TEST_ROOTFS, ...env } = component.env;
    Object.assign(process.env, env);
    found.push({ runtime, image: HEDDLE_TEST_ROOTFS ?? HEDDLE_TEST_IMAGE ?? '' });
  }
  return found;
}

export type OrderMore = NonNullable<Parameters<Bench['order']>[1]> & {
  readonly container?: Partial<ContainerSpec>;
  readonly grant?: Partial<AttemptOrder['grant']>;
};

/** Commands in containers of one runtime, on this machine. */
export class ContainerBench implements AsyncDisposable {
  readonly bench: Bench;
  readonly #lab: Lab;

  private constructor(bench: Bench, lab: Lab) {
    this.bench = bench;
    this.#lab = lab;
  }

  static async open(lab: Lab, slots = 4): Promise<ContainerBench> {
    return new ContainerBench(await Bench.open({ backend: commandsBackend({ slots }) }), lab);
  }

  order(text: string, { container, grant, ...more }: OrderMore = {}): AttemptOrder {
    const order = this.bench.order(text, more);
    const { runtime, image } = this.#lab;
    return { ...order, grant: { ...order.grant, ...grant }, container: { runtime, image, ...container } };
  }

  async run(text: string, more: OrderMore = {}): Promise<Outcome | { readonly gone: string }> {
    return (await this.outcome(this.order(text, more))).outcome;
  }

  async outcome(
    order: AttemptOrder,
  ): Promise<{ readonly order: AttemptOrder; readonly outcome: Outcome | { readonly gone: string } }> {
    const end = await this.bench.end(await this.bench.launch(order));
    return { order, outcome: end.kind === 'ended' ? end.outcome : { gone: end.why } };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.bench[Symbol.asyncDispose]();
  }
}

/** Names of containers of Heddle's that this runtime knows of, whatever became of them. */
export function containersOf(runtime: ContainerRuntime): readonly string[] {
  if (runtime !== 'podman' && runtime !== 'docker') return [];
  const text = execFileSync(runtime, ['ps', '-a', '--filter', 'label=heddle.attempt', '--format', '{{.Names}}'], {
    encoding: 'utf8',
  });
  return text.split('\n').filter((name) => name !== '');
}
