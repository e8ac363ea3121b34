import { join } from 'node:path';
import { command, Engine, sh, text, workflow } from '../../../src/index.ts';
import { localPool } from './local-pool.ts';

/** An engine to be killed: so many jobs in an allocation, each leaving a line. */
const [, , project = '', count = '1'] = process.argv;
const ledger = command('ledger', {
  run: (p: { n: number }) => sh`echo ${p.n} >> ${join(project, 'ledger')}; sleep 0.2; echo done > done`,
  outputs: { done: text('done') },
});
await using engine = await Engine.open({ store: join(project, 'store'), project, backends: [localPool()] });
const build = (): unknown => Array.from({ length: Number(count) }, (_, n) => ledger({ n }).done);
const run = await engine.run(workflow('flow', build), { backend: 'pool' });
await run.wait();
