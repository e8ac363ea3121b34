import { makeParser, type BackendParameters, run, RuntimeManager, type WorkflowManager } from 'heddle';

/** A backend of one's own: where calls are made is an option of it. */
const parser = makeParser(import.meta.url)
  .option('--calls <backend>', 'where calls are made', 'inline')
  .option('--cpus <n>', 'of each task', Number);

function executorFactory(manager: WorkflowManager, { options }: BackendParameters): RuntimeManager {
  return new RuntimeManager(manager, { backend: String(options['calls']) });
}

if (import.meta.main) process.exit(await run({ parser, executorFactory }));
