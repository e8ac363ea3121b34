import { randomBytes } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { type Clock, HeddleError } from '../../model/index.ts';
import type { RunAnswer, Transport } from '../transport/index.ts';
import type { Depot, DepotAnswer, DepotDirectory, DepotFetch } from './depot.ts';
import { fetchFiles } from './fetch.ts';
import { type Content, contentEntries, layoutEntries, planSend, safeAbsolutePath, type SendPlan } from './plan.ts';
import { type DepotFailure, failureOf, refusal, refused } from './refusals.ts';
import {
  BROKEN_OFF,
  contentScript,
  EXECUTABLE,
  lackingScript,
  layoutScript,
  NOT_UNPACKED,
  removeScript,
  rootScript,
  WRONG_CONTENT,
} from './scripts.ts';
import { counted, type Pulse, watchSilence } from './silence.ts';
import { SourceError, type TarEntry, writeTar } from './tar-writer.ts';

/** Which place on which machine. */
export interface DepotOptions {
  readonly transport: Transport;
  /** Absolute there, or `~/...`. @default '~/.heddle' */
  readonly root?: string;
  readonly clock: Clock;
}

const DONE: DepotAnswer = { kind: 'done' };
/** What walks through many files there may take its time. */
const WALK_TIMEOUT_MS = 10 * 60_000;
/** Names of content that is known to be there; more are forgotten. */
const REMEMBERED = 200_000;

/** The files of the machine behind a transport. All it takes there is /bin/sh and a tar. */
export function openDepot(options: DepotOptions): Depot {
  return new TransportDepot(options);
}

class TransportDepot implements Depot {
  readonly #transport: Transport;
  readonly #wantedRoot: string;
  readonly #clock: Clock;
  readonly #known = new Set<string>();
  #root: ReturnType<Depot['root']> | undefined;
  /** Content goes one sending after the other: what two want is sent once. */
  #sending: Promise<unknown> = Promise.resolve();
  /** The file system there makes no hard links, or no more of them. */
  #copies = false;

  constructor({ transport, root = '~/.heddle', clock }: DepotOptions) {
    this.#transport = transport;
    this.#clock = clock;
    this.#wantedRoot = root;
  }

  async root(): ReturnType<Depot['root']> {
    this.#root ??= this.#askRoot();
    const answer = await this.#root;
    if (answer.kind !== 'done') this.#root = undefined;
    return answer;
  }

  async send(directories: readonly DepotDirectory[]): Promise<DepotAnswer> {
    if (directories.length === 0) return DONE;
    return await this.#within(async (root) => {
      const plan = planSend(directories);
      const first = await this.#sendOnce(root, plan);
      if (first !== 'no-links') return first;
      // What was there may have been tidied away since.
      for (const key of plan.content.keys()) this.#known.delete(key);
      const second = await this.#sendOnce(root, plan);
      if (second !== 'no-links') return second;
      this.#copies = true;
      const third = await this.#sendOnce(root, plan);
      return third === 'no-links' ? refused('files there can be neither linked nor copied') : third;
    });
  }

  async fetch(wanted: readonly DepotFetch[]): Promise<DepotAnswer> {
    if (wanted.every(({ files }) => files.length === 0)) return DONE;
    return await this.#within(() =>
      fetchFiles(wanted, { transport: this.#transport, clock: this.#clock, token: makeToken() }),
    );
  }

  async remove(directories: readonly string[]): Promise<DepotAnswer> {
    if (directories.length === 0) return DONE;
    return await this.#within(async (root) => {
      const paths = directories.map((path) => safeAbsolutePath(path));
      const above = paths.find((path) => path === root || root.startsWith(`${path}/`));
      if (above !== undefined) return refused(`'${above}' holds more than a job`);
      const input = lines(paths);
      const answer = await this.#transport.run(removeScript(), { input, timeoutMs: WALK_TIMEOUT_MS });
      if (answer.kind !== 'ended') return failureOf(answer) ?? DONE;
      return answer.code === 0 ? DONE : refusal(answer.stderr, 'directories there cannot be removed');
    });
  }

  /** Does something below the root. What is refused here is an answer like what is refused there. */
  async #within(act: (root: string) => Promise<DepotAnswer>): Promise<DepotAnswer> {
    const root = await this.root();
    if (root.kind !== 'done') return root;
    try {
      return await act(root.path);
    } catch (error) {
      if (HeddleError.is(error) || error instanceof SourceError) return refused(error.message);
      throw error;
    }
  }

  async #askRoot(): ReturnType<Depot['root']> {
    const answer = await this.#transport.run(rootScript(this.#wantedRoot));
    if (answer.kind !== 'ended') return failureOf(answer) ?? refused('no answer');
    const path = Buffer.from(answer.stdout).toString('utf8').replace(/\n$/, '');
    if (answer.code !== 0) return refusal(answer.stderr, `'${this.#wantedRoot}' cannot be made there`);
    return path.startsWith('/') && !path.includes('\n')
      ? { kind: 'done', path }
      : refused(`'${this.#wantedRoot}' is no absolute path there: ${JSON.stringify(path)}`);
  }

  async #sendOnce(root: string, plan: SendPlan): Promise<DepotAnswer | 'no-links'> {
    const sent = this.#sending.then(() => this.#sendContent(root, plan.content));
    this.#sending = sent.catch(() => undefined);
    const failure = await sent;
    if (failure !== undefined) return failure;
    return await this.#sendLayout(root, plan);
  }

  async #sendContent(root: string, content: SendPlan['content']): Promise<DepotFailure | undefined> {
    const unknown = [...content.keys()].filter((key) => !this.#known.has(key));
    if (unknown.length === 0) return undefined;
    const asked = await this.#transport.run(lackingScript(root), { input: lines(unknown), timeoutMs: WALK_TIMEOUT_MS });
    if (asked.kind !== 'ended') return failureOf(asked);
    if (asked.code !== 0) return refusal(asked.stderr, 'files there cannot be looked for');
    const lacking = Buffer.from(asked.stdout)
      .toString('latin1')
      .split('\n')
      .map((key) => content.get(key))
      .filter((one): one is Content => one !== undefined);
    if (lacking.length > 0) {
      const token = makeToken();
      const answer = await this.#upload(contentScript(root, token), contentEntries(lacking));
      const failure = judgeContent(answer, content);
      if (failure !== undefined) return failure;
    }
    if (this.#known.size + unknown.length > REMEMBERED) this.#known.clear();
    for (const key of unknown) this.#known.add(key);
    return undefined;
  }

  async #sendLayout(root: string, plan: SendPlan): Promise<DepotAnswer | 'no-links'> {
    const how = { root, token: makeToken(), copies: this.#copies };
    const answer = await this.#upload(layoutScript(root, how.token, how.copies), layoutEntries(plan, how));
    if (answer.kind !== 'ended') return failureOf(answer) ?? DONE;
    if (answer.code === 0) return DONE;
    const failure = judgeArchive(answer.code, answer.stderr);
    const isLinks = answer.code === NOT_UNPACKED && /hard[- ]?link/i.test(answer.stderr);
    return isLinks && !(failure.kind === 'refused' && failure.retryable) ? 'no-links' : failure;
  }

  /** Writes an archive to a script's input. What goes wrong with the stream, the script's end tells. */
  async #upload(script: string, entries: Iterable<TarEntry>): Promise<RunAnswer> {
    const connection = this.#transport.connect(script);
    connection.output.resume();
    const pulse: Pulse = { moved: 0 };
    using _ = watchSilence({ transport: this.#transport, connection, clock: this.#clock }, pulse);
    let broken: unknown;
    await pipeline(counted(writeTar(entries), pulse), connection.input).catch((error: unknown) => {
      broken = error;
      connection.close();
    });
    const { answer, stderr } = await connection.ended;
    if (broken instanceof SourceError) throw broken;
    return answer.kind === 'ended' ? { ...answer, stderr } : answer;
  }
}

function judgeContent(answer: RunAnswer, content: SendPlan['content']): DepotFailure | undefined {
  if (answer.kind !== 'ended') return failureOf(answer);
  if (answer.code === 0) return undefined;
  if (answer.code !== WRONG_CONTENT) return judgeArchive(answer.code, answer.stderr);
  const key = answer.stderr.trim().split('\n').at(-1) ?? '';
  const from = content.get(key)?.from ?? content.get(key.replace(EXECUTABLE, ''))?.from ?? key;
  return refused(`'${from}' is not what it was when it was hashed`);
}

function judgeArchive(code: number, stderr: string): DepotFailure {
  if (code === BROKEN_OFF) return refused('not all of it arrived', true);
  return refusal(stderr, 'files cannot be put there');
}

function makeToken(): string {
  return `heddle-${randomBytes(9).toString('hex')}`;
}

function lines(texts: readonly string[]): string {
  return `${texts.join('\n')}\n`;
}
