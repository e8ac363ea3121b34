import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asRunId, type RunId } from '../../model/index.ts';
import { bootId, isAlive, readProcess } from '../../process/index.ts';

/** A message that is to be sent. */
export interface OutboxEntry {
  readonly key: string;
  readonly event: string;
  /** As `parseTarget` reads it. */
  readonly target: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly body: string;
}

/** Who is to be told of a run, for whoever ends it. */
export interface Wish {
  readonly targets: readonly string[];
  readonly on: readonly string[];
}

const FOLDER = 'outbox';
const WISHES = 'wishes';
/** Only its owner may read it: addresses and shell lines hold secrets. */
const MODE = { file: 0o600, folder: 0o700 } as const;

/**
 * Messages that are to be sent, a file each, in a folder of the process that sends them; whoever finds the folder of a process
 * that is dead takes what is in it. Beside them, a file a run that says who wants to be told: it is there until the messages of
 * the run's end are, so that a crash in between loses none.
 */
export class Outbox {
  readonly #root: string;
  readonly #tag: string;
  readonly #own: string;

  /** `store`: the store's directory; `tag`: tells apart several of one process. Nothing is made before the first write. */
  constructor(store: string, tag: string) {
    this.#root = join(store, FOLDER);
    this.#tag = tag;
    this.#own = join(this.#root, `${shortBoot()}-${process.pid}-${readProcess(process.pid)?.start ?? 0}-${tag}`);
  }

  async put(entry: OutboxEntry): Promise<void> {
    await writeWhole(this.#own, `${entry.key}.json`, entry);
  }

  /** A message; undefined when it is gone or can't be read. */
  async get(key: string): Promise<OutboxEntry | undefined> {
    const entry = await readJson<OutboxEntry>(join(this.#own, `${key}.json`));
    return typeof entry?.body === 'string' && typeof entry.target === 'string' ? entry : undefined;
  }

  async remove(key: string): Promise<void> {
    await rm(join(this.#own, `${key}.json`), { force: true });
  }

  /** Keys of the messages in this process's folder. */
  async keys(): Promise<readonly string[]> {
    return keysIn(this.#own);
  }

  /** Takes over what processes that are dead have left. */
  async adopt(): Promise<void> {
    for (const name of await listed(this.#root)) {
      const folder = join(this.#root, name);
      if (name === WISHES || folder === this.#own || isOfLiving(name)) continue;
      for (const key of await keysIn(folder)) {
        await mkdir(this.#own, { recursive: true, mode: MODE.folder });
        // Of several that find it one succeeds.
        await rename(join(folder, `${key}.json`), join(this.#own, `${key}.json`)).catch(() => undefined);
      }
      await rm(folder, { recursive: true, force: true });
    }
  }

  async wish(run: RunId, wish: Wish): Promise<void> {
    await writeWhole(join(this.#root, WISHES), `${run}.json`, wish);
  }

  async wishOf(run: RunId): Promise<Wish | undefined> {
    const wish = await readJson<Wish>(join(this.#root, WISHES, `${run}.json`));
    return Array.isArray(wish?.targets) && Array.isArray(wish.on) ? wish : undefined;
  }

  async granted(run: RunId): Promise<void> {
    await rm(join(this.#root, WISHES, `${run}.json`), { force: true });
  }

  /** Runs somebody wants to be told of. */
  async wished(): Promise<readonly RunId[]> {
    return (await keysIn(join(this.#root, WISHES))).map(asRunId);
  }

  /** Leaves what has not been sent to whoever opens the store next; an empty folder goes. */
  async close(): Promise<void> {
    if ((await this.keys()).length === 0) await rm(this.#own, { recursive: true, force: true });
    else await rename(this.#own, join(this.#root, `left-${this.#tag}`));
  }
}

const shortBoot = (): string => bootId().replaceAll('-', '').slice(0, 16);

function isOfLiving(name: string): boolean {
  const [boot, pid, start] = name.split('-');
  return boot === shortBoot() && isAlive({ pid: Number(pid), start: Number(start) });
}

async function listed(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

async function keysIn(folder: string): Promise<readonly string[]> {
  return (await listed(folder)).flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -'.json'.length)] : []));
}

/** Whole or not at all. */
async function writeWhole(folder: string, name: string, value: object): Promise<void> {
  await mkdir(folder, { recursive: true, mode: MODE.folder });
  const part = join(folder, `${name}.part`);
  await writeFile(part, JSON.stringify(value), { mode: MODE.file, flush: true });
  await rename(part, join(folder, name));
}

async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return typeof value === 'object' && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}
