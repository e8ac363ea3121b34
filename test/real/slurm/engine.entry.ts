/**
 * One process with an engine whose commands run on Slurm: `engine.entry.ts HOME run|resume GRAPH`. It says who it is in
 * HOME/engine.pid; stand-ins of Slurm's commands in HOME/bin may end it. Ends by writing the run's status and counts to stdout.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Engine } from '../../../src/jobs/index.ts';
import { testBackend } from './test-backend.ts';
import { graphOf, type GraphName } from './graphs.ts';

const [home = '', verb = '', name = 'ten'] = process.argv.slice(2);
writeFileSync(join(home, 'engine.pid'), String(process.pid));

const backend = testBackend({ slurm: { bin: join(home, 'bin') } });
await using engine = await Engine.open({ store: join(home, 'store'), backends: [backend] });
const run =
  verb === 'run'
    ? await engine.run(graphOf(name as GraphName, home), { id: 'r-test', backend: 'cluster' })
    : await engine.resume('r-test');
await run.wait();
process.stdout.write(JSON.stringify({ status: run.status(), counts: run.counts() }));
