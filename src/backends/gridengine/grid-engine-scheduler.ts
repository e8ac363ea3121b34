import { quoteWord } from '../../model/index.ts';
import type { Scheduler } from '../scheduler/index.ts';
import { nativeScript } from './native-script.ts';
import type { GridEngineOptions } from './options.ts';
import { historyText, readQacct } from './qacct.ts';
import { readQstat, STATUS_TEXT } from './qstat.ts';
import { readQsub, submitText } from './qsub.ts';
import { DESCRIBE_TEXT, readFacts } from './site-facts.ts';

/** `max_aj_tasks`, where a site has not changed it. */
const MAX_TASKS = 75_000;
/** `-t` takes any number up to this. */
const MAX_INDEX = 2 ** 31 - 2;

/**
 * Grid Engine and its descendants (Son of Grid Engine, Univa, Altair), by `qsub`, `qstat -xml`, `qacct`, `qdel`, `qhold`, `qrls`.
 * What has ended is at once gone from `qstat`; how, the accounting says.
 */
export function gridEngineScheduler(options: GridEngineOptions = {}): Scheduler {
  const { bin, setup } = options;
  const before = `${bin === undefined ? '' : `PATH=${quoteWord(bin)}:$PATH\n`}${setup === undefined ? '' : `${setup}\n`}`;
  const said = (text: string): string => `${before}${text}`;
  return {
    name: 'gridengine',
    maxArraySize: MAX_TASKS,
    maxArrayIndex: MAX_INDEX,
    firstElement: 1,
    script: (request) => nativeScript(request, options),
    submit: (request, path) => said(submitText(request, path)),
    readSubmit: readQsub,
    status: () => said(STATUS_TEXT),
    readStatus: readQstat,
    history: (ids) => said(historyText(ids)),
    readHistory: readQacct,
    cancel: (ids) => said(onEach('qdel', ids)),
    hold: (ids) => said(onEach('qhold', ids)),
    release: (ids) => said(onEach('qrls', ids)),
    describe: () => said(DESCRIBE_TEXT),
    readDescribe: (output) => readFacts(output, options),
  };
}

/** As many as a command line surely holds. */
const IDS = 1000;

function onEach(command: string, ids: readonly string[]): string {
  const lines: string[] = [];
  for (let at = 0; at < ids.length; at += IDS) lines.push(`${command} ${ids.slice(at, at + IDS).join(' ')}`);
  return lines.join('\n');
}
