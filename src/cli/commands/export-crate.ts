import { constants, existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { redactorForReading } from '../../jobs/index.ts';
import { HeddleError } from '../../model/index.ts';
import {
  type CrateContent,
  crateMetadata,
  type CrateOptions,
  GRAPH_FILE,
  runCrate,
  type RunSource,
} from '../../observe/index.ts';
import { systemClock } from '../../process/index.ts';
import { renderGraph } from '../../workflow/index.ts';
import { originOf } from '../code-origin.ts';
import { storeDirectory } from '../find-run.ts';
import type { Context } from '../main.ts';
import { packageVersion } from '../package-version.ts';
import { writeTo } from '../write-to.ts';

export interface CrateFlags {
  /** A folder, for a crate with files; without it the metadata goes to stdout. */
  readonly output?: string;
  readonly files?: CrateContent;
  readonly license?: string;
  readonly agent?: string;
}

const METADATA = 'ro-crate-metadata.json';

const LANGUAGES: Readonly<Record<string, CrateOptions['workflow']['language']>> = {
  '.ts': 'TypeScript',
  '.mts': 'TypeScript',
  '.cts': 'TypeScript',
  '.js': 'JavaScript',
  '.mjs': 'JavaScript',
  '.cjs': 'JavaScript',
  '.yaml': 'YAML',
  '.yml': 'YAML',
};

/** Writes a run as an RO-Crate: a folder with the metadata, the workflow, its graph and what it made. */
export async function exportCrate(context: Context, source: RunSource, flags: CrateFlags): Promise<void> {
  const directory = storeDirectory(context);
  const { output: folder, license, agent } = flags;
  const file = originOf(source.row, directory)?.file;
  const language = file === undefined ? undefined : LANGUAGES[extname(file).toLowerCase()];
  const isThere = folder !== undefined && file !== undefined && language !== undefined && existsSync(file);
  const redactor = await redactorForReading([source.graph], resolve('.'));
  const crate = await runCrate(source, {
    directory,
    engineVersion: packageVersion(),
    now: systemClock.now().wall,
    workflow: isThere ? { path: basename(file), language } : { path: GRAPH_FILE, language: 'JSON' },
    // What is not written can't hold files.
    content: folder === undefined ? 'none' : (flags.files ?? 'results'),
    redact: (text) => redactor.text(text),
    ...(license === undefined ? {} : { license }),
    ...(agent === undefined ? {} : { agent }),
  });
  if (folder === undefined) return writeTo(context.output, crateMetadata(crate));
  await makeFolder(folder);
  await writeFile(join(folder, GRAPH_FILE), renderGraph(source.graph, 'json'));
  if (isThere) await copy(file, join(folder, basename(file)));
  for (const { from, path } of crate.files) await copy(from, join(folder, path));
  await writeTo(context.output, crateMetadata(crate), join(folder, METADATA));
}

/** @throws {HeddleError} INPUT_INVALID for a folder with something in it */
async function makeFolder(folder: string): Promise<void> {
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new HeddleError('INPUT_INVALID', `'${folder}' is not empty`, {
      hint: 'name a folder that is not there yet: a crate is a folder of its own',
    });
  }
  await mkdir(resolve(folder), { recursive: true });
}

/** A copy that shares its blocks where the file system can. */
async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to, constants.COPYFILE_FICLONE);
}
