import { commandsBackend } from '../../src/backends/commands/index.ts';
import { Engine } from '../../src/jobs/index.ts';
import { openStoreAt } from '../../src/jobs/open-store.ts';
import type { Backend, BackendContext, RunCommit } from '../../src/model/index.ts';
import chaos from './flow.ts';

/**
 * An engine that sends itself SIGKILL (F01, F02) or SIGSTOP (F04) at one labelled point, the n-th time it comes by.
 * Arguments: directory, label, n, the signal, and the run to resume, or nothing to start one.
 */
const [directory = '', label = '', count = '1', signal = 'SIGKILL', run] = process.argv.slice(2);
let left = Number(count);

function point(name: string): void {
  if (name !== label) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, signal);
}

const grants = (commits: readonly RunCommit[]): boolean =>
  commits.some(({ jobs }) => jobs.some((row) => row.status === 'running'));
const ends = (commits: readonly RunCommit[]): boolean =>
  commits.some(({ jobs }) => jobs.some((row) => row.status === 'done'));

await using store = await openStoreAt(`${directory}/store`);
const commit = store.commit.bind(store);
store.commit = async (commits) => {
  if (grants(commits)) point('before-intent');
  if (ends(commits)) point('before-result-commit');
  await commit(commits);
  if (grants(commits)) point('after-intent');
  if (ends(commits)) point('after-commit-before-told');
};

/** The commands backend with labelled points around what leaves the process. */
function pointed(inner: Backend): Backend {
  return {
    name: inner.name,
    capabilities: inner.capabilities,
    open: (context: BackendContext) =>
      inner.open({
        ...context,
        report(event) {
          if (event.kind === 'ended') point('after-result');
          context.report(event);
          if (event.kind === 'phase') point('after-start-told');
        },
      }),
    launch(orders) {
      point('before-launch');
      const answers = inner.launch(orders);
      point('after-launch');
      return answers;
    },
    cancel: (attempt, graceMs) => inner.cancel(attempt, graceMs),
    async recover(queries) {
      point('before-recovery');
      const answers = await inner.recover(queries);
      point('after-recovery');
      return answers;
    },
    release(attempts) {
      point('before-release');
      inner.release(attempts);
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}

await using engine = await Engine.open({
  store,
  backends: [pointed(commandsBackend({ slots: 3 }))],
  project: directory,
});
const handle =
  run === undefined
    ? await engine.run(chaos, { parameters: { shape: 'layers', directory } })
    : await engine.resume(run);
await handle.wait();
