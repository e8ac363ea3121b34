/**
 * One process with an engine whose commands run on Slurm: `engine.entry.ts HOME run|resume [MOMENT]`. At MOMENT the
 * process kills itself with SIGKILL: `before` sbatch is started, `during` it, or `after` it, before its answer
 * is told to the engine. Ends by writing the run's status and counts to stdout.
 */
import { join } from 'node:path';
import { Engine } from '../../../src/jobs/index.ts';
import {
  ACCEPT_ALL,
  DEFAULT_GRACE_MS,
  DEFAULT_REQUEST,
  DEFAULT_RETRY,
  type Definition,
  type Graph,
  GraphBuilder,
} from '../../../src/model/index.ts';
import { SlurmBackend } from './slurm-backend.ts';

const [home = '', verb = '', moment = ''] = process.argv.slice(2);

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

const backend = new SlurmBackend((now) => {
  if (now === moment) die();
  // sbatch is started before this turn ends, and goes on without us.
  if (now === 'before' && moment === 'during') process.nextTick(die);
});

/** Ten commands, and one that waits for the ends of all. Each writes its name into the ledger. */
function tenJobs(): Graph {
  const append: Definition = {
    name: 'append',
    kind: 'command',
    resources: DEFAULT_REQUEST,
    retry: DEFAULT_RETRY,
    timeouts: {},
    graceMs: DEFAULT_GRACE_MS,
    priority: 0,
  };
  const builder = new GraphBuilder('ten-jobs');
  const line = (name: string) => ({ script: [`echo ${name} >> '${join(home, 'ledger')}'`] });
  const ten = Array.from({ length: 10 }, (_, n) =>
    builder.add(`job-${n}`, { definition: append, payload: line(`job-${n}`) }),
  );
  const edges = ten.map((from) => ({ from, accept: ACCEPT_ALL }));
  builder.add('last', { definition: append, payload: line('last'), edges });
  return builder.build();
}

await using engine = await Engine.open({ store: join(home, 'store'), backends: [backend] });
const run =
  verb === 'run' ? await engine.run(tenJobs(), { id: 'r-ten', backend: 'slurm' }) : await engine.resume('r-ten');
await run.wait();
process.stdout.write(JSON.stringify({ status: run.status(), counts: run.counts() }));
