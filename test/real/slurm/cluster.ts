import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SlurmBackendOptions } from '../../../src/backends/slurm/index.ts';
import {
  type AttemptId,
  type AttemptOrder,
  type BackendEvent,
  newSubmissionId,
  type Outcome,
} from '../../../src/model/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { type BackendFixture, BackendRig } from '../../../src/testing/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { childrenOf, processesUnder, send } from '../../processes.ts';
import { type Component, requireComponent } from '../components/components.ts';
import { testBackend } from './test-backend.ts';

/** The Slurm of this test run; its commands are led to it by the environment. */
export const slurm: Component = await requireComponent('slurm');
if (slurm.available) Object.assign(process.env, slurm.env);

/** Whether Slurm tells who took too much memory (cgroup), or only kills them. */
export const watchesMemory: boolean = slurm.available && slurm.env['SLURM_MEMORY'] === 'cgroup';

/** What a backend is opened with, in a folder of its own (a given one is left alone). */
export function slurmFixture(options: Partial<SlurmBackendOptions> = {}, home?: string): BackendFixture {
  const project = home ?? ownFolder('slurm');
  const directory = join(project, 'store');
  mkdirSync(directory, { recursive: true });
  const backend = testBackend(options);
  return {
    backend,
    clock: systemClock,
    random: systemRandom,
    directory,
    project,
    // A thousand are in `mischief`, where Slurm makes it hard.
    many: 200,
    successor: () => testBackend(options),
    [Symbol.asyncDispose]: async () => {
      await backend[Symbol.asyncDispose]();
      if (home === undefined) await giveBack(project);
    },
  };
}

/** An open backend and where it works. */
export interface Cluster extends AsyncDisposable {
  readonly rig: BackendRig;
  readonly project: string;
  /** Orders that travel together, one a text. */
  orders(texts: readonly string[], more?: Partial<AttemptOrder>): readonly AttemptOrder[];
  /** Launches them, and fails unless all are taken. */
  start(orders: readonly AttemptOrder[]): Promise<void>;
  /** How it ended; `gone` as the word alone. */
  outcome(order: AttemptOrder): Promise<Outcome | 'gone'>;
  /** Resolves when it is told to run. */
  running(order: AttemptOrder): Promise<void>;
  /** What Slurm calls it. */
  nativeId(order: AttemptOrder): string;
}

export async function openCluster(options: Partial<SlurmBackendOptions> = {}, home?: string): Promise<Cluster> {
  const fixture = slurmFixture(options, home);
  const rig = await BackendRig.open(fixture);
  const natives = new Map<AttemptId, string>();
  return {
    rig,
    project: fixture.project,
    orders: (texts, more = {}) => {
      const submission = newSubmissionId(systemRandom);
      return texts.map((text) => ({
        ...rig.order({ kind: 'command', text, inputs: [], outputs: [], environment: {} }),
        submission,
        ...more,
      }));
    },
    start: async (orders) => {
      const answers = await rig.launch(orders);
      for (const [i, answer] of answers.entries()) {
        if (answer.kind !== 'accepted') throw new Error(JSON.stringify(answer));
        const { attempt } = orders[i] as AttemptOrder;
        natives.set(attempt, answers.length === 1 ? answer.handle : `${answer.handle}_${i}`);
      }
    },
    outcome: async (order) => {
      const end = await rig.end(order);
      return end.kind === 'gone' ? 'gone' : end.outcome;
    },
    nativeId: ({ attempt }) => natives.get(attempt) ?? '',
    running: async (order) => {
      const isActive = (event: BackendEvent): boolean => event.kind === 'phase' && event.phase === 'active';
      await rig.until(() => rig.of(order).find(isActive), `${order.job} never ran`);
    },
    [Symbol.asyncDispose]: async () => {
      // Whatever failed leaves jobs behind; those that are suspended would not die.
      for (const id of natives.values()) spawnSync('sh', ['-c', 'scontrol resume "$1"; scancel "$1"', 'sh', id]);
      await rig[Symbol.asyncDispose]();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

/** Runs a command of Slurm's, as an admin would. */
export function admin(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Ends a node as a power cut does: everything at once, and nobody says a word. `up` of the component brings it back. */
export function crashNode(node: string): void {
  // Whoever is in a job there has its name in the environment.
  const pids = new Set(processesUnder(`SLURMD_NODENAME=${node}`).map(({ pid }) => pid));
  const steps = admin('pgrep', '-x', 'slurmstepd')
    .split('\n')
    .filter((pid) => pid !== '' && childrenOf(Number(pid)).some((child) => pids.has(child.pid)));
  const slurmd = readFileSync(join(dirname(process.env['SLURM_CONF'] ?? ''), 'run', `slurmd-${node}.pid`), 'utf8');
  for (const pid of [slurmd, ...steps, ...pids]) send(Number(pid), 'SIGKILL');
}

/** Ends the controller, or starts it again; one that is started keeps records of ended jobs for so many seconds. */
export function controller(verb: 'stop' | 'up', minJobAge = 300): void {
  const script = join(import.meta.dirname, '../components/slurm.sh');
  execFileSync('bash', [script, verb], {
    env: { ...process.env, SLURM_MIN_JOB_AGE: String(minJobAge) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Puts a program in Slurm's stead; `$real` is the one it stands for. For `bin` of the options. */
export function standIn(folder: string, program: string, text: string): void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, program);
  writeFileSync(path, `#!/bin/sh\nreal=$(PATH=/usr/local/bin:/usr/bin:/bin command -v ${program})\n${text}\n`);
  chmodSync(path, 0o755);
}

/** How many native jobs there have been: Slurm numbers them, each element of an array too. */
export function jobsSoFar(): number {
  const next = /^NEXT_JOB_ID\s*=\s*(\d+)$/m.exec(admin('scontrol', 'show', 'config'))?.[1];
  if (next === undefined) throw new Error('Slurm names no next job');
  return Number(next);
}
