import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, lstat, mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { serialize } from 'node:v8';
import { isMainThread } from 'node:worker_threads';
import { type EngineEvent, HeddleError, type RunId, type Store } from '../model/index.ts';
import { systemClock } from '../process/index.ts';
import {
  type ControlReply,
  type ControlRequest,
  MAX_BACKLOG_BYTES,
  MAX_LINE_CHARS,
  parseRequest,
  toWireError,
} from './control-protocol.ts';
import { readStore } from './remote-store.ts';
import type { RunControl } from './run-control.ts';

/** `sun_path` holds 108 bytes with its end; macOS has 104. */
const MAX_SOCKET_PATH = 103;
const MAX_CLIENTS = 256;
/** For the last answers to be made, and to be taken. */
const GOODBYE_MS = 1000;
/** Events told in one line. */
const EVENT_BATCH = 200;
/** A multiple of three, so that the pieces of base64 are whole. */
const PIECE_BYTES = 384 * 1024;

/**
 * Where to listen so that others find it at `path`: there, or, when that is too long for a socket, in a directory of
 * this user's below the temporary one, to which `path` then is a link.
 */
async function listenPath(path: string): Promise<string> {
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return path;
  const directory = shortDirectory(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await assertPrivate(directory);
  await clearStale(directory);
  const short = join(directory, shortName());
  await symlink(short, path);
  return short;
}

function shortName(): string {
  return `${randomBytes(8).toString('hex')}.sock`;
}

/** This user's directory for sockets. Who has set TMPDIR to a long path still has /tmp. */
function shortDirectory(path: string): string {
  const found = [tmpdir(), '/tmp']
    .map((parent) => join(parent, `heddle-${process.getuid?.() ?? 0}`))
    .find((directory) => Buffer.byteLength(join(directory, shortName())) <= MAX_SOCKET_PATH);
  if (found !== undefined) return found;
  throw new HeddleError(
    'STORE_UNAVAILABLE',
    `'${path}' is too long for a socket, and so is every place for temporary files`,
    {
      hint: 'put the store nearer to the root, or set TMPDIR to a short path',
    },
  );
}

/** The path to connect to for the socket found at `path`: what a link there leads to, since only that is short enough. */
export async function connectPath(path: string): Promise<string> {
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH ? path : readlink(path);
}

/** A directory in a shared place might have been made by somebody else to listen in. */
async function assertPrivate(directory: string): Promise<void> {
  const stats = await lstat(directory);
  const uid = process.getuid?.();
  if (stats.isDirectory() && (uid === undefined || stats.uid === uid)) {
    await chmod(directory, 0o700);
    return;
  }
  throw new HeddleError('STORE_UNAVAILABLE', `'${directory}' belongs to somebody else`, {
    hint: 'remove it, or set TMPDIR to a directory of your own',
  });
}

async function clearStale(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sock'));
  await Promise.all(
    names.map(async (name) => {
      const path = join(directory, name);
      if (await isDeserted(path)) await rm(path, { force: true });
    }),
  );
}

/** A socket whose owner is gone refuses connections; any other answer leaves it alone. */
async function isDeserted(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}

/** What an owner lets others have. */
export interface Owned {
  /** The engine's own control of one of its runs. */
  readonly controlOf: (run: RunId) => RunControl;
  /** Read for those who cannot open it themselves. */
  readonly store: Store;
}

/**
 * Lets others of the same user look at and steer the runs of an engine. Disposing it answers what has been asked, and
 * hangs up on everybody: a cancel ends the run, and with it often the process that has to say so.
 */
export async function listenForControl(path: string, owned: Owned): Promise<AsyncDisposable> {
  const clients = new Set<Socket>();
  const answers = new Set<Promise<void>>();
  const server = createServer((socket) => {
    if (clients.size >= MAX_CLIENTS) {
      socket.destroy();
      return;
    }
    clients.add(socket);
    socket.on('close', () => clients.delete(socket));
    serve(socket, owned, answers);
  });
  const short = await listenPath(path);
  listenPrivately(server, short);
  await once(server, 'listening').catch((error: unknown) => {
    if (!['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw new HeddleError('STORE_UNAVAILABLE', `the store's directory ${dirname(dirname(path))} cannot be written to`, {
      cause: error,
      hint: "it is somebody else's: name another store by --store DIR or HEDDLE_STORE, or ask for the right to write",
    });
  });
  await chmod(short, 0o600);
  // Listening is no reason to go on living.
  server.unref();
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      await within(GOODBYE_MS, Promise.all(answers));
      await within(GOODBYE_MS, Promise.all([...clients].map(hangUp)));
      for (const socket of clients) socket.destroy();
      await rm(short, { force: true });
      await rm(path, { force: true });
    },
  };
}

/** The socket is made while this is called, and nobody else is to reach it before its mode is set. */
function listenPrivately(server: Server, path: string): void {
  // A thread has no umask of its own to set; the directory is the user's anyway.
  const umask = isMainThread ? process.umask(0o177) : undefined;
  try {
    server.listen(path);
  } finally {
    if (umask !== undefined) process.umask(umask);
  }
}

/** Resolves when the client has taken what was sent, or is gone. */
async function hangUp(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once('close', resolve);
  socket.destroySoon();
  if (!socket.closed) await promise;
}

/** Waits for something, but not for ever. */
async function within(limitMs: number, done: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = systemClock.after(limitMs, resolve);
  await Promise.race([done, promise]);
  timer.cancel();
}

/** One client: lines in, lines out. Whatever breaks the rules ends the conversation. */
function serve(socket: Socket, owned: Owned, answers: Set<Promise<void>>): void {
  const closed = new AbortController();
  let pending = '';
  const send = (reply: ControlReply): void => {
    if (socket.destroyed) return;
    socket.write(`${JSON.stringify(reply)}\n`);
    if (socket.writableLength > MAX_BACKLOG_BYTES) socket.destroy();
  };
  const refuse = (thrown: unknown): void => {
    socket.end(`${JSON.stringify({ id: 0, error: toWireError(thrown) })}\n`, () => socket.destroy());
  };
  socket.setEncoding('utf8');
  socket.unref();
  // A client that goes away is no event for the engine.
  socket.on('error', () => socket.destroy());
  socket.on('close', () => closed.abort());
  socket.on('data', (chunk: string) => {
    const lines = (pending + chunk).split('\n');
    pending = lines.pop() ?? '';
    if (pending.length > MAX_LINE_CHARS || lines.some((line) => line.length > MAX_LINE_CHARS)) {
      pending = '';
      socket.pause();
      refuse(new HeddleError('INPUT_INVALID', `a request is at most ${MAX_LINE_CHARS} characters`));
      return;
    }
    for (const line of lines) {
      if (line.trim() === '') continue;
      let request: ControlRequest;
      try {
        request = parseRequest(line);
      } catch (error) {
        socket.pause();
        refuse(error);
        return;
      }
      const told = answer(request, { owned, send, drained: async () => drained(socket), signal: closed.signal });
      // Who follows events is told until the engine ends: nothing to wait for.
      if (request.op === 'events') continue;
      answers.add(told);
      void told.finally(() => answers.delete(told));
    }
  });
}

/** Resolves when the client has room for more, or is gone. */
async function drained(socket: Socket): Promise<void> {
  if (!socket.writableNeedDrain) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once('drain', resolve).once('close', resolve);
  await promise;
  socket.off('drain', resolve).off('close', resolve);
}

interface Conversation {
  readonly owned: Owned;
  send(reply: ControlReply): void;
  drained(): Promise<void>;
  readonly signal: AbortSignal;
}

async function answer(request: ControlRequest, conversation: Conversation): Promise<void> {
  const { id } = request;
  try {
    if (request.op === 'read') {
      await tellRead(request, conversation);
      return;
    }
    const control = conversation.owned.controlOf(request.run);
    if (request.op === 'events') await tellEvents(request, control, conversation);
    else conversation.send({ id, value: (await perform(request, control)) ?? null });
  } catch (error) {
    conversation.send({ id, error: toWireError(error) });
  }
}

async function tellEvents(request: ControlRequest, control: RunControl, conversation: Conversation): Promise<void> {
  let batch: EngineEvent[] = [];
  let scheduled = false;
  const flush = (): void => {
    scheduled = false;
    if (batch.length > 0) conversation.send({ id: request.id, events: batch });
    batch = [];
  };
  for await (const event of control.events(request.after ?? 0, conversation.signal)) {
    batch.push(event);
    if (batch.length >= EVENT_BATCH) flush();
    else if (!scheduled) {
      scheduled = true;
      systemClock.soon(flush);
    }
  }
  flush();
  conversation.send({ id: request.id, end: true });
}

/** A graph may be large: it goes in pieces, as fast as the client takes them. */
async function tellRead({ id, method = '', args = [] }: ControlRequest, conversation: Conversation): Promise<void> {
  const bytes = serialize(await readStore(conversation.owned.store, method, args));
  for (let at = 0; at < bytes.length && !conversation.signal.aborted; at += PIECE_BYTES) {
    conversation.send({ id, piece: bytes.toString('base64', at, Math.min(bytes.length, at + PIECE_BYTES)) });
    await conversation.drained();
  }
  conversation.send({ id, end: true });
}

async function perform(request: ControlRequest, control: RunControl): Promise<unknown> {
  switch (request.op) {
    case 'view':
      return control.view();
    case 'job':
      return control.job(oneJob(request));
    case 'why':
      return control.why(oneJob(request));
    case 'running':
      return control.running();
    case 'stuck':
      return control.stuck();
    case 'cancel':
      return control.cancel(request.jobs);
    case 'pause':
      return control.pause();
    case 'unpause':
      return control.unpause();
    case 'hold':
      return control.hold(someJobs(request));
    case 'release':
      return control.release(someJobs(request));
    case 'retry':
      return control.retry(request.changes);
    case 'rerun':
      return control.rerun(someJobs(request));
    case 'events':
    case 'read':
      return undefined;
  }
}

function someJobs(request: ControlRequest): readonly string[] {
  if (request.jobs === undefined || request.jobs.length === 0) {
    throw new HeddleError('INPUT_INVALID', `'${request.op}' needs jobs`);
  }
  return request.jobs;
}

function oneJob(request: ControlRequest): string {
  const jobs = someJobs(request);
  if (jobs.length === 1) return jobs[0] as string;
  throw new HeddleError('INPUT_INVALID', `'${request.op}' takes one job`);
}
