import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../model/index.ts';
import { bootId, escalate, isAlive, type ProcessIdentity, readProcess, signalGroup } from '../process/index.ts';
import type { OpenTransport } from './transport.ts';

const FOLDER = 'lanes';

/**
 * The processes an engine has for its lanes, written down in its store: a folder named for the engine's process, an empty
 * file named for each of theirs. Whoever finds the folder of an engine that is dead ends what it has left.
 */
class LaneRecords {
  readonly #folder: string;
  #isMade = false;

  /** @param store the store's directory; empty: nothing is written down */
  constructor(store: string) {
    const own = { pid: process.pid, start: readProcess(process.pid)?.start ?? 0 };
    this.#folder = store === '' ? '' : join(store, FOLDER, `${shortBoot()}-${nameOf(own)}`);
  }

  add(lane: ProcessIdentity): void {
    if (this.#folder === '') return;
    if (!this.#isMade) mkdirSync(this.#folder, { recursive: true });
    this.#isMade = true;
    writeFileSync(join(this.#folder, nameOf(lane)), '');
  }

  remove(lane: ProcessIdentity): void {
    if (this.#isMade) rmSync(join(this.#folder, nameOf(lane)), { force: true });
  }
}

/** The same workers, each written down in a store while it lives. */
export function recordedTransport(open: OpenTransport, store: string): OpenTransport {
  const records = new LaneRecords(store);
  return (shape, listener) => {
    const transport = open(shape, {
      heard: (messages) => listener.heard(messages),
      wrote: (stream, chunk) => listener.wrote(stream, chunk),
      ended: (end) => {
        if (transport.identity !== undefined) records.remove(transport.identity);
        listener.ended(end);
      },
    });
    if (transport.identity !== undefined) records.add(transport.identity);
    return transport;
  };
}

/** Ends the lanes of engines that are dead, and resolves when nothing of them lives. */
export async function sweepLanes(store: string, clock: Clock): Promise<void> {
  if (store === '') return;
  const boot = shortBoot();
  for (const name of list(join(store, FOLDER))) {
    const [ownersBoot, ...owner] = name.split('-');
    const isOurs = ownersBoot === boot;
    if (isOurs && isAlive(identityOf(owner))) continue;
    const folder = join(store, FOLDER, name);
    // Of another boot nothing lives; its pids are others' now.
    if (isOurs) await Promise.all(list(folder).map((lane) => endLane(identityOf(lane.split('-')), clock)));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where the leader is gone its watchdog has ended the group; the pid may be a stranger's by now. */
async function endLane(lane: ProcessIdentity, clock: Clock): Promise<void> {
  if (!isAlive(lane)) return;
  signalGroup(lane.pid, 'SIGKILL');
  // Of the leader we know that it is the one; of the group as long as the leader was there.
  await new Promise<void>((resolve) => {
    escalate(
      { isAlive: () => isAlive(lane), signal: (signal) => void signalGroup(lane.pid, signal) },
      { clock, graceMs: 0, whenDead: resolve },
    );
  });
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

const shortBoot = (): string => bootId().replaceAll('-', '').slice(0, 16);

const nameOf = ({ pid, start }: ProcessIdentity): string => `${pid}-${start}`;

function identityOf([pid, start]: readonly string[]): ProcessIdentity {
  return { pid: Number(pid), start: Number(start) };
}
