/**
 * One process with a commands backend that is about to die: launches the orders it is given as JSON, says `launched`,
 * and goes on until it is killed. `crash.entry.ts DIRECTORY SHELL ORDERS`
 */
import { join } from 'node:path';
import { commandsBackend } from '../../../src/backends/commands/index.ts';
import { type AttemptOrder, silentLogger } from '../../../src/model/index.ts';
import { type LauncherShell, systemClock } from '../../../src/process/index.ts';

const [directory = '', shell = '', orders = ''] = process.argv.slice(2);
const backend = commandsBackend({ slots: 2, shell: JSON.parse(shell) as LauncherShell });
await backend.open({
  clock: systemClock,
  logger: silentLogger,
  report: () => undefined,
  directory: join(directory, 'store'),
  project: directory,
});
const answers = await backend.launch(JSON.parse(orders) as AttemptOrder[]);
process.stdout.write(`${answers.map(({ kind }) => kind).join(' ')}\n`);
