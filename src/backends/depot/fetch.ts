import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../model/index.ts';
import type { Transport } from '../transport/index.ts';
import type { DepotAnswer, DepotFetch } from './depot.ts';
import { safeAbsolutePath, safeName } from './plan.ts';
import { failureOf, refusal, refused } from './refusals.ts';
import { fetchScript } from './scripts.ts';
import { counted, type Pulse, watchSilence } from './silence.ts';
import { Bytes, type IncomingEntry, readTar, TarError } from './tar-reader.ts';

/** Files up to this are written at once. */
const SMALL_BYTES = 256 * 1024;

/** Lines of tar that tell of nothing we must know; what is not there it is not asked for. */
const HARMLESS =
  /file removed before|file changed as we read|Removing leading|Exiting with failure|error exit delayed|socket ignored/i;

/** A file here can't be written. */
class TargetError extends Error {
  override readonly name: string = 'TargetError';
}

/** Brings files here in one trip, each whole or not at all. */
export async function fetchFiles(
  wanted: readonly DepotFetch[],
  { transport, clock, token }: { readonly transport: Transport; readonly clock: Clock; readonly token: string },
): Promise<DepotAnswer> {
  const list = new WantedList(wanted);
  const connection = transport.connect(fetchScript());
  connection.input.end(list.text);
  const pulse: Pulse = { moved: 0 };
  using _ = watchSilence({ transport, connection, clock }, pulse);
  const bytes = new Bytes(counted(connection.output as unknown as AsyncIterable<Buffer>, pulse));
  let broken: unknown;
  try {
    await receive(bytes, list, token);
  } catch (error) {
    broken = error;
    connection.close();
  }
  const { answer, stderr } = await connection.ended;
  if (broken instanceof TargetError) return refused(broken.message, true);
  if (broken !== undefined && !(broken instanceof TarError)) throw broken as Error;
  if (answer.kind !== 'ended') return failureOf(answer) ?? { kind: 'done' };
  const complaints = stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !HARMLESS.test(line))
    .join('\n');
  if (broken !== undefined || (answer.code !== 0 && complaints !== '')) {
    return refusal(complaints, 'files cannot be brought here');
  }
  return { kind: 'done' };
}

/** What is wanted, as lines for the other side, and where each is to go. */
class WantedList {
  readonly text: string;
  readonly #targets = new Map<string, string[]>();

  constructor(wanted: readonly DepotFetch[]) {
    const lines: string[] = [];
    for (const { from, to, files } of wanted) {
      const directory = safeAbsolutePath(from);
      lines.push(`D${directory}`);
      for (const file of files) {
        const name = safeName(file);
        lines.push(`F${name}`);
        const path = posix.join(directory, name);
        const there = this.#targets.get(path);
        if (there === undefined) this.#targets.set(path, [join(to, name)]);
        else there.push(join(to, name));
      }
    }
    this.text = `${lines.join('\n')}\n`;
  }

  /** Where a file of the archive is to go. */
  targets(path: string): readonly string[] {
    return this.#targets.get(path) ?? [];
  }
}

async function receive(bytes: Bytes, list: WantedList, token: string): Promise<void> {
  const arrived = new Map<string, string>();
  for await (const entry of readTar(bytes)) {
    const path = posix.join('/', entry.path);
    const targets = list.targets(path);
    const [target, ...others] = targets;
    if (target === undefined) continue;
    await onDisk(target, () => write(entry, target, { arrived, token }));
    arrived.set(path, target);
    for (const other of others) await onDisk(other, () => copy(target, other, token));
  }
}

async function write(
  entry: IncomingEntry,
  target: string,
  { arrived, token }: { readonly arrived: ReadonlyMap<string, string>; readonly token: string },
): Promise<void> {
  if (entry.kind === 'hard-link') {
    const same = arrived.get(posix.join('/', entry.target));
    if (same !== undefined && same !== target) await copy(same, target, token);
    return;
  }
  const mode = entry.executable ? 0o777 : 0o666;
  await aside(target, token, async (temporary) => {
    if (entry.size > SMALL_BYTES) {
      await pipeline(Readable.from(entry.data(), { objectMode: false }), createWriteStream(temporary, { mode }));
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of entry.data()) chunks.push(chunk);
    await writeFile(temporary, Buffer.concat(chunks), { mode });
  });
}

async function copy(from: string, target: string, token: string): Promise<void> {
  await aside(target, token, (temporary) => copyFile(from, temporary));
}

/** Writes beside the target, then renames. */
async function aside(target: string, token: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = join(dirname(target), `.${token}`);
  await mkdir(dirname(target), { recursive: true });
  try {
    await make(temporary);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function onDisk(target: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (error instanceof TarError || (error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new TargetError(`'${target}' cannot be written here: ${(error as Error).message}`, { cause: error });
  }
}
