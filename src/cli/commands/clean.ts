import { existsSync } from 'node:fs';
import { clean as cleanStore, DEFAULT_RULES, openStoreAt } from '../../jobs/index.ts';
import { parseDuration } from '../../model/index.ts';
import { systemClock } from '../../process/index.ts';
import { parseNumber } from '../flags.ts';
import { storeDirectory } from '../find-run.ts';
import type { Context } from '../main.ts';
import { renderTable } from '../output.ts';
import { formatBytes, formatTime } from '../units.ts';

const KEPT: Readonly<Record<string, string>> = {
  unfinished: 'not finished',
  owned: 'a process has it',
  read: 'somebody is reading it',
  experiment: 'a point of an experiment',
  cache: 'its results can be reused',
};

/** Removes finished runs that the rules do not keep, or only their logs and scratch files. */
export async function clean(
  context: Context,
  _: readonly string[],
  flags: Readonly<Record<string, unknown>>,
): Promise<number> {
  const { output } = context;
  const { olderThan, keep, logs } = flags as {
    readonly olderThan?: string;
    readonly keep?: string;
    readonly logs?: true;
  };
  const dry = flags['dryRun'] === true;
  const rules = {
    olderThanMs: olderThan === undefined ? DEFAULT_RULES.olderThanMs : parseDuration(olderThan, '--older-than'),
    keep: keep === undefined ? DEFAULT_RULES.keep : parseNumber('--keep', { min: 0, integer: true })(keep),
  };
  const directory = storeDirectory(context);
  const what = logs === true ? 'logs' : 'runs';
  if (!existsSync(directory)) {
    if (context.json) await output.json({ dry, what, cleaned: [], kept: [], bytes: 0 });
    else output.say(`there is no store at '${directory}'`);
    return 0;
  }
  await using store = await openStoreAt(directory);
  const report = await cleanStore(store, directory, { ...rules, what, dry, now: systemClock.now().wall });
  if (context.json) {
    await output.json({ dry, what, ...report });
    return 0;
  }
  const columns = [
    { title: 'RUN' },
    { title: 'NAME' },
    { title: 'ENDED' },
    { title: 'FILES', align: 'right' as const },
  ];
  const cells = report.cleaned.map(({ run, name, endedAt, bytes }) => [
    run,
    name,
    formatTime(endedAt),
    formatBytes(bytes),
  ]);
  if (cells.length > 0) await output.data(renderTable(columns, cells));
  for (const { run, because } of report.kept) output.say(`${run} is kept: ${KEPT[because]}`);
  const did = dry ? 'would be removed' : 'removed';
  output.say(
    `${what === 'logs' ? 'logs of ' : ''}${report.cleaned.length} runs ${did}, ${formatBytes(report.bytes)} of files`,
  );
  return 0;
}
