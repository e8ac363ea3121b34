import { resolve } from 'node:path';
import { redactorForReading } from '../../jobs/index.ts';
import { gatherReport, renderReport } from '../../observe/index.ts';
import { systemClock } from '../../process/index.ts';
import { originOf } from '../code-origin.ts';
import { findRun, openForReading, statusOf, storeDirectory } from '../find-run.ts';
import { directoryOf, workplaceAt } from '../job-record.ts';
import type { Context } from '../main.ts';
import { packageVersion } from '../package-version.ts';
import { readRunSource } from '../run-source.ts';
import { writeTo } from '../write-to.ts';

/** Writes what a run did as one HTML page, of the latest run by default. */
export async function report(
  context: Context,
  [target]: readonly string[],
  flags: { readonly output?: string },
): Promise<number> {
  await using store = await openForReading(context);
  const found = await findRun(store, target);
  const directory = storeDirectory(context);
  const source = await readRunSource(store, found.row, directory);
  const file = originOf(found.row, directory)?.file;
  const redactor = await redactorForReading([source.graph], resolve('.'));
  const data = await gatherReport(source, {
    engineVersion: packageVersion(),
    now: systemClock.now().wall,
    state: statusOf(found),
    directoryOf: ({ index, name, fence }) =>
      workplaceAt(directoryOf(directory, found.row, { index, name }, fence))?.directory ?? '',
    redact: (text) => redactor.text(text),
    ...(file === undefined ? {} : { file }),
  });
  if (context.json) {
    await context.output.json(data);
    return 0;
  }
  // A page of markup is nothing to read in a terminal.
  const output = flags.output ?? (context.output.dataIsTerminal ? `${found.row.id}.html` : undefined);
  await writeTo(context.output, renderReport(data), output);
  if (output !== undefined) context.output.say(`${found.row.id} is written to ${output}`);
  return 0;
}
