/** An engine with one lane in a process that computes for ever: tells the lane's pid, and waits to be killed. */
import { join } from 'node:path';
import { processesBackend } from '../../../src/backends/processes/index.ts';
import { silentLogger } from '../../../src/model/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { BackendRig } from '../../../src/testing/index.ts';
import { body } from './works.ts';

const project = process.argv[2] ?? '';
const rig = await BackendRig.open({
  backend: processesBackend({ slots: 1 }),
  clock: systemClock,
  random: systemRandom,
  directory: join(project, 'store'),
  project,
  [Symbol.asyncDispose]: async () => undefined,
});
const order = rig.order(body('pid'));
await rig.launch([order]);
const end = await rig.end(order);
if (end.kind === 'ended' && end.outcome.kind === 'ok' && end.outcome.value?.codec === 'json') {
  await rig.launch([rig.order(body('spin', [join(project, 'ledger')]))]);
  console.log(end.outcome.value.json);
} else silentLogger.error({}, 'no pid');
