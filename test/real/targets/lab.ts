import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { type Ended, Sandbox, type Started } from '../../integration/cli/harness.ts';
import { type Component, requireComponent } from '../components/components.ts';

/** What a project's configuration may name. */
type Target = Readonly<Record<string, unknown>>;

const slurm = await requireComponent('slurm');
const sge = await requireComponent('sge');
const sshd = await requireComponent('sshd');
const runtimes = await requireComponent('hpc-runtimes');

function envOf(component: Component): Readonly<Record<string, string>> {
  return component.available ? component.env : {};
}

/** How the clients of the components that are here find them. */
export const environment: Readonly<Record<string, string>> = { ...envOf(slurm), ...envOf(sge), USER: 'root' };

/** The ssh configuration of the hosts `old` and `older`: machines with files of their own, and a Node that is too old. */
export const sshConfig: string = envOf(sshd)['SSHD_CONFIG'] ?? '';
/** The private key that lets one in there. */
export const sshKey: string = join(envOf(sshd)['SSHD_LAB'] ?? '', 'id');

/** A little image: busybox, unpacked. */
export const rootfs: string = envOf(runtimes)['HEDDLE_TEST_ROOTFS'] ?? '';

const poll = { min: '200ms', max: '1s' };

/** Every kind of target that can be had here, by the name it has in the configuration of a `TargetBox`. */
export const targets: Readonly<Record<string, Target>> = {
  ...(slurm.available ? { slurm: { scheduler: 'slurm', poll, submitPerSecond: 50 } } : {}),
  ...(sge.available ? { grid: { scheduler: 'gridengine', bin: sge.env['SGE_BIN'], poll, submitPerSecond: 50 } } : {}),
  ...(sshd.available
    ? {
        host: { transport: { ssh: 'old', config: sshConfig }, poll },
        pair: {
          hosts: ['old', 'older'].map((ssh) => ({ ssh, config: sshConfig, cpus: 2 })),
          balance: 'round-robin',
          poll,
        },
      }
    : {}),
  ...(runtimes.available ? { boxed: { container: { runtime: 'bubblewrap', image: rootfs }, poll } } : {}),
};

/** A user's folder with a configuration that names all targets. */
export class TargetBox extends Sandbox {
  constructor(more: Readonly<Record<string, unknown>> = {}, others: Readonly<Record<string, Target>> = {}) {
    super();
    // Hosts have users of their own, who leave their marks here.
    chmodSync(this.folder, 0o777);
    this.write('package.json', '{ "name": "somebody", "type": "module" }\n');
    this.write('heddle.config.yaml', JSON.stringify({ backends: { ...targets, ...others }, ...more }));
  }

  heddle(...args: readonly string[]): Promise<Ended> {
    return this.run(args, { env: environment });
  }

  startHeddle(...args: readonly string[]): Started {
    return this.start(args, { env: environment });
  }

  /** Runs a command that must end well, and reads its JSON. */
  async read<T>(...args: readonly string[]): Promise<T> {
    const ended = await this.heddle(...args, '--json');
    if (ended.code !== 0) throw new Error(`heddle ${args.join(' ')} ended with ${ended.code}: ${ended.stderr}`);
    return JSON.parse(ended.stdout) as T;
  }
}

/** Puts Node on the hosts, as their user would; at once where it is there. */
export async function installNode(): Promise<void> {
  if (!sshd.available) return;
  await using box = new TargetBox();
  const ended = await box.heddle('doctor', '--install', 'pair');
  if (ended.code !== 0) throw new Error(ended.stdout + ended.stderr);
}
