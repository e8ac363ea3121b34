import type { Scheduler } from '../scheduler/index.ts';
import { readHistory } from './accounting.ts';
import { historyCommand, queueCommand, slurmCommand, slurmCommandOf, slurmCommands } from './commands.ts';
import { FACTS_QUERY, readFacts } from './facts.ts';
import { nativeScript } from './native-script.ts';
import { DEFAULT_MAX_ARRAY_SIZE, type SlurmOptions } from './options.ts';
import { readQueue } from './queue.ts';
import { readSubmission } from './submission.ts';

/**
 * Slurm as text in and text out, by its own commands (20.11 and later): one `sbatch` a native job, one `squeue` for everything
 * the user has, `sacct` for what squeue has forgotten, `scancel`, `scontrol hold` and `release`.
 *
 * @example
 * const slurm = slurmScheduler({ bin: '/opt/slurm/bin', gres: 'gpu:a100' });
 */
export function slurmScheduler(options: SlurmOptions = {}): Scheduler {
  const maxArraySize = options.maxArraySize ?? DEFAULT_MAX_ARRAY_SIZE;
  return {
    name: 'slurm',
    maxArraySize,
    maxArrayIndex: maxArraySize - 1,
    firstElement: 0,
    script: (request) => nativeScript(request, options),
    submit: (_request, path) => slurmCommand(options, 'sbatch', '--parsable', path),
    readSubmit: readSubmission,
    status: () => queueCommand(options),
    readStatus: readQueue,
    history: (ids) => historyCommand(options, ids),
    readHistory,
    // TERM to all processes of a job, KILL after the site's KillWait. Ids that are gone are no failure.
    cancel: (ids) => slurmCommandOf(options, ['scancel', '--quiet'], { ids, separator: ' ' }),
    hold: (ids) => slurmCommandOf(options, ['scontrol', 'hold'], { ids, separator: ',' }),
    release: (ids) => slurmCommandOf(options, ['scontrol', 'release'], { ids, separator: ',' }),
    describe: () => slurmCommands(options, FACTS_QUERY),
    readDescribe: readFacts,
  };
}
