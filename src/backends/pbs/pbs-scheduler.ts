import { quoteWord } from '../../model/index.ts';
import type { Scheduler } from '../scheduler/index.ts';
import { nativeScript } from './native-script.ts';
import type { PbsOptions } from './options.ts';
import { historyText, readQstat, STATUS_TEXT } from './qstat.ts';
import { readQsub, submitText } from './qsub.ts';
import { DESCRIBE_TEXT, readFacts } from './site-facts.ts';

const DEFAULT_ARRAY_SIZE = 10_000;
const MAX_INDEX = 2 ** 31 - 3;

/**
 * OpenPBS and PBS Professional, by `qsub`, `qselect`, `qstat -f -F json`, `qdel`, `qhold` and `qrls`. What has ended is told
 * as long as the server keeps its history.
 *
 * @example
 * const pbs = pbsScheduler({ bin: '/opt/pbs/bin', maxArraySize: 1000 });
 */
export function pbsScheduler(options: PbsOptions = {}): Scheduler {
  const { bin, setup } = options;
  const before = `${bin === undefined ? '' : `PATH=${quoteWord(bin)}:$PATH\n`}${setup === undefined ? '' : `${setup}\n`}`;
  const said = (text: string): string => `${before}${text}`;
  return {
    name: 'pbs',
    maxArraySize: options.maxArraySize ?? DEFAULT_ARRAY_SIZE,
    maxArrayIndex: MAX_INDEX,
    firstElement: 0,
    script: (request) => nativeScript(request, options),
    submit: (request, path) => said(submitText(request, path)),
    readSubmit: readQsub,
    status: () => said(STATUS_TEXT),
    readStatus: readQstat,
    history: (ids) => said(historyText(ids)),
    readHistory: readQstat,
    // TERM, and after the server's kill_delay KILL. Ids that are over are no failure.
    cancel: (ids) => said(onEach('qdel', ids)),
    hold: (ids) => said(onEach('qhold', ids)),
    release: (ids) => said(onEach('qrls', ids)),
    describe: () => said(DESCRIBE_TEXT),
    readDescribe: readFacts,
  };
}

/** As many as a command line surely holds. */
const IDS = 1000;

/** The ids of elements hold brackets, which a shell would read as a pattern. */
function onEach(command: string, ids: readonly string[]): string {
  const lines: string[] = [];
  for (let at = 0; at < ids.length; at += IDS)
    lines.push(
      `${command} ${ids
        .slice(at, at + IDS)
        .map(quoteWord)
        .join(' ')}`,
    );
  return lines.join('\n');
}
