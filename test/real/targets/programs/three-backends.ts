// MolExp's experiment on any backend of its document: which one is said by the arguments, nothing else differs.
import {
  ClusterBackend,
  Executor,
  LocalBackend,
  LocalTask,
  RemoteBackend,
  type ShellTaskResult,
  TaskGraph,
} from 'heddle';
import { analyze } from './analysis.ts';

const [kind = '', options = '{}'] = process.argv.slice(2);
const given = JSON.parse(options);
const backend = {
  local: () => new LocalBackend({ maxWorkers: 4, ...given }),
  remote: () => new RemoteBackend({ loadBalancing: true, maxWorkersPerHost: 4, ...given }),
  cluster: () =>
    new ClusterBackend({
      maxJobs: 10,
      resourcesPerJob: { nodes: 1, cpusPerTask: 1, memory: '64MB', time: '00:10:00' },
      ...given,
    }),
}[kind];
if (backend === undefined) throw new Error(`no such backend: ${kind}`);

const experiment = new TaskGraph([
  new LocalTask('prepare', { commands: ['printf "1 2 3" > data.txt', 'wc -w < data.txt'], inputs: {} }),
  new LocalTask('simulate', { commands: ['echo T = $temperature'], inputs: { temperature: 300 }, deps: ['prepare'] }),
  new LocalTask('analyze', { func: analyze, inputs: { offset: 10 }, deps: ['simulate'] }),
]);
await using executor = new Executor({ backend: backend(), store: 'store' });
const results = await executor.execute(experiment);
for (const [name, result] of Object.entries(results)) {
  const { commands } = result as Partial<ShellTaskResult>;
  console.log(name, JSON.stringify(commands?.map(({ stdout, success }) => [success, stdout]) ?? result));
}
