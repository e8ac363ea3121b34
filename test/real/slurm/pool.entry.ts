/**
 * One process with an engine whose commands run in allocations of a real Slurm: `pool.entry.ts PROJECT COUNT`. It begins a run of so
 * many short commands, each leaving a line in PROJECT/ledger, or goes on with the one that is there.
 */
import { join } from 'node:path';
import { targetSettings } from '../../../src/config/index.ts';
import { command, Engine, sh, text, workflow } from '../../../src/index.ts';
import { targetBackends } from '../../../src/jobs/index.ts';

const [project = '', count = '1'] = process.argv.slice(2);
const target = targetSettings(
  'pool',
  {
    scheduler: 'slurm',
    poll: { min: '250ms', max: '1s' },
    allocation: { nodes: 2, workers: 4, time: '10m', idle: '4s' },
  },
  project,
);
const ledger = command('ledger', {
  run: (p: { n: number }) => sh`echo ${p.n} >> ${join(project, 'ledger')}; sleep 0.05; echo done > done`,
  outputs: { done: text('done') },
});
const store = join(project, 'store');
await using engine = await Engine.open({ store, project, backends: [...(await targetBackends([target]))] });
const [begun] = await engine.store.runs({});
const build = (): unknown => Array.from({ length: Number(count) }, (_, n) => ledger({ n }).done);
const run =
  begun === undefined
    ? await engine.run(workflow('flow', build), { backend: 'pool' })
    : await engine.resume(begun.id as never);
await run.wait();
process.stdout.write(JSON.stringify(run.view().counts));
