import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Backend, Engine, type Graph, GraphBuilder, inlineBackend } from '../../src/index.ts';
import { openStoreForReading, planGraph } from '../../src/jobs/index.ts';
import { definitionOf } from '../../src/model/index.ts';
import { systemClock } from '../../src/process/index.ts';
import { scratch } from '../engine.ts';
import { count, type Figures, ms, type Row, times } from '../row.ts';

const TASKS = 100_000;
const BUDGET_MS = 2000;

/** Calls of a function of the project, each with an argument of its own; with `files`, each writes one that is 10 bytes long. */
function study(folder: string, files: boolean): Graph {
  const builder = new GraphBuilder('study');
  const kind = files ? 'command' : 'call';
  const definition = builder.definition(
    definitionOf('fit', kind, { cache: true, ...(files ? { backend: 'pens' } : {}) }),
  );
  const module = pathToFileURL(join(folder, 'fit.ts')).href;
  const outputs = [{ name: 'fit', path: 'fit.txt', type: 'file' }];
  for (let i = 0; i < TASKS; i += 1) {
    const payload = files
      ? { script: ['./fit --temperature ', { value: i }, ' > fit.txt'], outputs }
      : { call: { kind: 'module', module, name: 'fit' }, args: [{ temperature: i }] };
    builder.add(`fit-${i}`, { definition, payload: JSON.stringify(payload) });
  }
  return builder.build();
}

/** Writes at once what commands are said to write: what is measured is what comes after. */
function pens(): Backend {
  const inner = inlineBackend();
  let report: Parameters<Backend['open']>[0]['report'] = () => undefined;
  let store = '';
  // sha256 of ten bytes, written as `printf 0123456789`.
  const file = {
    sha256: '84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882',
    size: 10,
    name: 'fit.txt',
  };
  return {
    ...inner,
    name: 'pens',
    capabilities: { commands: true, calls: false, recoverable: false, batches: false, local: true },
    open: async (context) => {
      report = (event) => context.report(event);
      store = context.directory;
      return [{ name: 'pens', cpus: 64 }];
    },
    launch(orders) {
      for (const { attempt, directory } of orders) {
        const path = join(directory, 'fit.txt');
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, '0123456789');
        const output = { type: 'file', file, at: path.slice(store.length + 1) };
        const value = { codec: 'json', json: JSON.stringify({ outputs: { fit: output } }) } as const;
        report({ kind: 'ended', attempt, outcome: { kind: 'ok', value } });
      }
      return orders.map(() => ({ kind: 'accepted', handle: '' }));
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function runOnce(project: string, files: boolean): Promise<void> {
  await using engine = await Engine.open({ store: join(project, '.heddle'), project, backends: [pens()] });
  const run = await engine.run(study(project, files), files ? {} : { backend: 'inline' });
  const { status } = await run.wait();
  if (status !== 'done') throw new Error(`the run that was to be reused ended ${status}`);
}

/** Runs everything once, then asks what would run now. */
async function decide(files: boolean): Promise<Figures> {
  await using directory = await scratch('memory');
  const project = directory.path;
  const store = join(project, '.heddle');
  writeFileSync(join(project, 'fit.ts'), 'export const fit = (p: { temperature: number }) => p.temperature;\n');
  await runOnce(project, files);
  // As `heddle plan` does it: by who has not run it.
  await using opened = await openStoreForReading(store);
  const graph = study(project, files);
  const options = { store: opened, clock: systemClock, directory: store, project };
  // The first look reads what was too young to be trusted by its dates.
  if (files) await planGraph(graph, options);
  const cpu = process.cpuUsage();
  const jobs = await planGraph(graph, options);
  const { user, system } = process.cpuUsage(cpu);
  const reused = jobs.filter(({ action }) => action === 'reuse').length;
  if (reused !== TASKS) throw new Error(`only ${reused} of ${TASKS} tasks were found again`);
  return { cpuMs: (user + system) / 1000 };
}

export const cache: Row = {
  name: 'cache',
  repetitions: 3,
  probes: {
    calls: { run: () => decide(false), place: 'memory' },
    files: { run: () => decide(true), place: 'memory' },
  },
  conclude(median) {
    return (
      [
        ['calls', 'calls'],
        ['files', 'commands with one output file each'],
      ] as const
    ).map(([probe, what]) => {
      const cpu = median(probe, 'cpuMs');
      return {
        what: `${count(TASKS)} cached ${what}, nothing to do: decided`,
        ours: `${ms(cpu)} CPU`,
        rival: '-',
        ratio: times(cpu / BUDGET_MS),
        budget: `<= ${BUDGET_MS / 1000} s`,
        isMet: cpu <= BUDGET_MS,
        method:
          'plan of a graph that has just run: each fingerprint made anew, looked up, its files looked at; user and system time, SQLite, normal',
      };
    });
  },
};
