import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { asJobId, asRunId, type EngineEvent, HeddleError, type RunId } from '../model/index.ts';
import { MemoryStore } from '../store/index.ts';
import { connectControl } from './owner-client.ts';
import { listenForControl } from './owner-socket.ts';
import { jobNotFound, type RunControl } from './run-control.ts';

const RUN = asRunId('r-1');
let folder: string;
let resources: AsyncDisposableStack;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-socket-'));
  resources = new AsyncDisposableStack();
});

afterEach(async () => {
  await resources.disposeAsync();
  rmSync(folder, { recursive: true, force: true });
});

/** Keeps what it was asked, and tells endless events when `flood` is set. */
class RecordingControl implements RunControl {
  readonly run: RunId;
  readonly asked: string[] = [];
  flood = false;
  readonly floodEnded = Promise.withResolvers<void>();

  constructor(run: RunId = RUN) {
    this.run = run;
  }

  async view() {
    return {
      id: this.run,
      name: 'melt',
      status: 'running' as const,
      detail: 'active' as const,
      counts: { created: 0, pending: 1, running: 1, done: 0, failed: 0, cancelled: 0 },
      size: 2,
      startedAt: 1,
      endedAt: 0,
    };
  }

  async job(job: string) {
    if (job !== 'a') throw jobNotFound(this.run, job, 'a');
    return {
      index: 0,
      id: asJobId('a'),
      status: 'running' as const,
      detail: 'active' as const,
      fence: 1,
      charged: 1,
      losses: 0,
    };
  }

  async why(job: string) {
    return { job: await this.job(job), waitsFor: [], waitsForCount: 0 };
  }

  async running() {
    return [{ job: asJobId('a'), index: 0, phase: 'active' as const, sinceMs: 5 }];
  }

  async stuck() {
    return [];
  }

  async cancel(jobs?: readonly string[]) {
    this.asked.push(`cancel ${jobs?.join(' ') ?? 'all'}`);
  }

  async pause() {
    this.asked.push('pause');
  }

  async unpause() {
    this.asked.push('unpause');
  }

  async hold(jobs: readonly string[]) {
    this.asked.push(`hold ${jobs.join(' ')}`);
  }

  async release(jobs: readonly string[]) {
    this.asked.push(`release ${jobs.join(' ')}`);
  }

  async retry() {
    this.asked.push('retry');
  }

  async rerun(jobs: readonly string[]) {
    this.asked.push(`rerun ${jobs.join(' ')}`);
  }

  async *events(after: number, signal?: AbortSignal): AsyncGenerator<EngineEvent> {
    for (let seq = after + 1; (this.flood || seq <= 3) && signal?.aborted !== true; seq += 1) {
      yield {
        kind: 'job',
        run: this.run,
        seq,
        job: asJobId(`job-${'x'.repeat(this.flood ? 1000 : 0)}`),
        index: seq,
        from: 'running',
        status: 'done',
        detail: '',
        fence: 1,
        at: 0,
      };
      // The loop must turn, or no socket is ever written to.
      if (seq % 100 === 0) await new Promise(setImmediate);
    }
    this.floodEnded.resolve();
  }

  async [Symbol.asyncDispose]() {}
}

const recording = { store: new MemoryStore(), controlOf: () => new RecordingControl() };

async function listening(control: RunControl = new RecordingControl()): Promise<string> {
  const path = join(folder, 'owner.sock');
  resources.use(
    await listenForControl(path, {
      store: new MemoryStore(),
      controlOf: (run) => {
        if (run !== RUN) throw new HeddleError('RUN_NOT_FOUND', `there is no run '${run}'`);
        return control;
      },
    }),
  );
  return path;
}

async function client(path: string): Promise<Socket> {
  const socket = connect(path);
  resources.defer(() => void socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Resolves when the conversation is over, whichever way it ended. */
function hungUp(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()));
}

/** Everything the other side says until it hangs up. */
async function readToEnd(socket: Socket): Promise<string> {
  const closed = hungUp(socket);
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await closed;
  return text;
}

test('carries what is asked to the owner, and the answers and errors back', async () => {
  const control = new RecordingControl();
  const path = await listening(control);
  await using remote = await connectControl(path, RUN);

  expect(await remote.view()).toEqual(await control.view());
  expect(await remote.running()).toEqual(await control.running());
  expect(await remote.why('a')).toEqual(await control.why('a'));
  await Promise.all([remote.pause(), remote.unpause(), remote.hold(['a', 'b/c']), remote.release(['a'])]);
  await remote.cancel();
  await remote.cancel(['a']);

  expect(control.asked).toEqual(['pause', 'unpause', 'hold a b/c', 'release a', 'cancel all', 'cancel a']);
  await expect(remote.job('nobody')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND', hint: "did you mean 'a'?" });
});

test('a run the owner does not have is refused by its code', async () => {
  const path = await listening();
  await using remote = await connectControl(path, asRunId('r-other'));

  await expect(remote.view()).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
});

test('tells events after a sequence number, and then ends', async () => {
  const path = await listening();
  await using remote = await connectControl(path, RUN);

  const seqs = [];
  for await (const event of remote.events(1)) if (event.kind === 'job') seqs.push(event.seq);

  expect(seqs).toEqual([2, 3]);
});

test.each([
  ['text that is no JSON', 'hello\n'],
  ['JSON that is no request', '[1]\n'],
  ['an unknown question', '{"id":1,"op":"format-disk","run":"r-1"}\n'],
  ['jobs that are no list', '{"id":1,"op":"hold","run":"r-1","jobs":{"length":1}}\n'],
])('%s ends the conversation, and nobody else hears of it', async (_, text) => {
  const path = await listening();
  await using remote = await connectControl(path, RUN);
  const socket = await client(path);

  socket.write(text);

  expect(JSON.parse(await readToEnd(socket))).toMatchObject({ id: 0, error: { code: 'INPUT_INVALID' } });
  expect((await remote.view()).name).toBe('melt');
});

test('a line of ten megabytes is cut off', async () => {
  const path = await listening();
  await using remote = await connectControl(path, RUN);
  const socket = await client(path);

  socket.write('x'.repeat(10 * 1024 * 1024));
  await readToEnd(socket);

  expect((await remote.view()).name).toBe('melt');
});

test('a client that does not read is cut off before it fills the memory', async () => {
  const control = new RecordingControl();
  control.flood = true;
  const path = await listening(control);
  const socket = await client(path);
  const closed = hungUp(socket);
  socket.pause();
  const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;

  socket.write('{"id":1,"op":"events","run":"r-1"}\n');
  await using remote = await connectControl(path, RUN);
  expect((await remote.view()).name).toBe('melt');
  await control.floodEnded.promise;
  socket.resume();
  await closed;

  expect(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before).toBeLessThan(200 * 1024 * 1024);
});

test('many clients are served at once', async () => {
  const path = await listening();
  const remotes = await Promise.all(Array.from({ length: 50 }, () => connectControl(path, RUN)));
  for (const remote of remotes) resources.use(remote);

  const views = await Promise.all(remotes.map((remote) => remote.view()));

  expect(views).toHaveLength(50);
});

test('only its user may talk to it', async () => {
  const path = await listening();

  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('open questions fail when the owner goes, and its socket goes with it', async () => {
  const path = await listening();
  await using remote = await connectControl(path, RUN);
  await remote.view();

  await resources.disposeAsync();

  await expect(remote.view()).rejects.toMatchObject({ code: 'ENGINE_CLOSED' });
  expect(existsSync(path)).toBe(false);
  await expect(connectControl(path, RUN)).rejects.toMatchObject({ code: 'RUN_OWNED' });
});

test('an owner that speaks another language is no owner', async () => {
  const path = join(folder, 'other.sock');
  const server = createServer((socket) => void socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  server.listen(path);
  await once(server, 'listening');
  resources.defer(async () => {
    server.close();
    await once(server, 'close');
  });
  await using remote = await connectControl(path, RUN);

  await expect(remote.view()).rejects.toMatchObject({ code: 'ENGINE_CLOSED' });
});

test('a path too long for a socket leads to one in a private directory', async () => {
  const long = join(folder, 'd'.repeat(120));
  mkdirSync(long);
  const path = join(long, 'owner.sock');
  await using owner = await listenForControl(path, recording);

  const short = readlinkSync(path);
  expect(Buffer.byteLength(short)).toBeLessThanOrEqual(103);
  expect(statSync(dirname(short)).mode & 0o777).toBe(0o700);
  expect(statSync(short).mode & 0o777).toBe(0o600);
  await using remote = await connectControl(path, RUN);
  expect((await remote.view()).name).toBe('melt');

  await owner[Symbol.asyncDispose]();
  expect(existsSync(short)).toBe(false);
  expect(readdirSync(long)).toEqual([]);
});

test('so does one when the directory for temporary files is too deep for a socket too', async () => {
  const long = join(folder, 'd'.repeat(120));
  mkdirSync(long);
  const path = join(long, 'deep.sock');
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = long;
  try {
    resources.use(await listenForControl(path, recording));
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }

  expect(readlinkSync(path)).toMatch(/^\/tmp\/heddle-\d+\/[0-9a-f]{16}\.sock$/);
  await using remote = await connectControl(path, RUN);
  expect((await remote.view()).name).toBe('melt');
});

test('what killed owners left in the private directory is cleared away, what living ones have is not', async () => {
  const long = join(folder, 'd'.repeat(120));
  mkdirSync(long);
  const first = join(long, 'first.sock');
  resources.use(await listenForControl(first, recording));
  const dead = join(dirname(readlinkSync(first)), `dead-${process.pid}.sock`);
  // A name nobody listens on, as a killed process leaves it.
  const script = `require('node:net').createServer().listen(${JSON.stringify(dead)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  expect(existsSync(dead)).toBe(true);

  resources.use(await listenForControl(join(long, 'second.sock'), recording));

  expect(existsSync(dead)).toBe(false);
  await using remote = await connectControl(first, RUN);
  expect((await remote.view()).name).toBe('melt');
});
