import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asRunId, type EngineEvent, type ObservedEngine, type Random } from '../../model/index.ts';
import { VolatileStore } from '../../store/index.ts';
import { FakeClock } from '../../testing/index.ts';
import { notify, type NotifyOptions } from './notifier.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Where the fake clock moves while real bytes are under way, no try is to end by it. */
const PATIENT = 100 * DAY;
const random: Random = { next: () => 0.5 };

let folder = '';
let clock = new FakeClock(Date.UTC(2026, 0, 1));
let warnings: string[] = [];
const servers: Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-notify-'));
  clock = new FakeClock(Date.UTC(2026, 0, 1));
  warnings = [];
});

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  rmSync(folder, { recursive: true, force: true });
});

interface Received {
  readonly path: string;
  readonly key: string;
  readonly body: string;
}

/** An endpoint that answers as it is told and writes down what it was sent. */
async function endpoint(
  answer: (response: ServerResponse, request: IncomingMessage) => void,
  port = 0,
): Promise<{ readonly url: string; readonly port: number; readonly received: readonly Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      received.push({ path: request.url ?? '', key: String(request.headers['idempotency-key']), body });
      answer(response, request);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${address.port}/hook`, port: address.port, received };
}

const ok = (response: ServerResponse): void => void response.end('ok');

/** An engine as an observer sees one, with a tongue. */
function engine(): ObservedEngine & { tell(...events: readonly EngineEvent[]): void } {
  let listener: ((events: readonly EngineEvent[]) => void) | undefined;
  const warn = (fields: object, message: string): void => void warnings.push(`${message} ${JSON.stringify(fields)}`);
  return {
    clock,
    random,
    logger: { debug: warn, info: warn, warn, error: warn },
    store: new VolatileStore(),
    directory: folder,
    listen: (hear) => {
      listener = hear;
      return () => {
        listener = undefined;
      };
    },
    processes: () => [],
    tell: (...events) => listener?.(events),
  };
}

const RUN = asRunId('r-1');
const runEvent = (status: 'running' | 'done' | 'failed', run = RUN): EngineEvent => ({
  kind: 'run',
  run,
  seq: 1,
  status,
  detail: '',
  at: clock.now().wall,
});

async function observed(options: NotifyOptions) {
  const told = engine();
  const closing = await notify(options).observe(told);
  return { told, close: async () => closing[Symbol.asyncDispose]() };
}

/** Lets the real loop run until something is so; what is real here is loopback and a temporary folder. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    clock.turn();
    await turn();
  }
}

const files = (): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'));

describe('F48: the endpoint of notifications is down for a day', () => {
  test('what it should have been told comes once, when it is up again; memory is bounded, and nobody waits', async () => {
    // A port that nobody listens at.
    const free = await endpoint(ok);
    servers.splice(0).forEach((server) => server.close());
    const { told, close } = await observed({ to: [free.url], on: ['end'], limits: { most: 50, timeoutMs: PATIENT } });
    for (let i = 0; i < 80; i += 1)
      told.tell(runEvent('running', asRunId(`r-${i}`)), runEvent('done', asRunId(`r-${i}`)));
    await until(() => warnings.length === 30);

    let tries = 0;
    for (let passed = 0; passed < DAY; passed += 15 * MINUTE) {
      clock.advance(15 * MINUTE);
      for (let i = 0; i < 5; i += 1) await turn();
      tries += 1;
    }
    expect(tries).toBe(96);
    // Of each of the 50 that are kept there is a file; no more than that is there.
    expect(files().filter((name) => !name.includes('wishes'))).toHaveLength(50);

    const up = await endpoint(ok, free.port);
    for (let i = 0; up.received.length < 50 && i < 1000; i += 1) {
      clock.advance(MINUTE);
      await turn();
    }
    await until(() => up.received.length >= 50 && files().length === 0);
    clock.advance(DAY);
    for (let i = 0; i < 20; i += 1) await turn();
    expect(up.received).toHaveLength(50);
    expect(new Set(up.received.map(({ key }) => key)).size).toBe(50);
    expect(JSON.parse(up.received[0]?.body ?? '')).toMatchObject({ event: 'end', run: { status: 'done' } });
    await close();
  });

  test('what could not be sent is sent by who opens the store next, with the same key', async () => {
    const free = await endpoint(ok);
    servers.splice(0).forEach((server) => server.close());
    const first = await observed({ to: [free.url], closeMs: 1000 });
    first.told.tell(runEvent('running'), runEvent('done'));
    await first.close();
    const [left = ''] = files();
    expect(left).toMatch(/^outbox\/left-\w+\/[0-9a-f]{32}\.json$/);
    expect(statSync(join(folder, left)).mode & 0o077).toBe(0);

    const up = await endpoint(ok, free.port);
    const second = await observed({ to: [] });
    await until(() => up.received.length === 1);
    await second.close();
    expect(left).toContain(up.received[0]?.key);
    expect(files()).toEqual([]);
  });

  test('a message that is too old is given up, aloud and without its address', async () => {
    const down = await endpoint((response) => void response.writeHead(503).end());
    const { told, close } = await observed({
      to: [`${down.url}?token=hush`],
      on: ['end'],
      limits: { timeoutMs: PATIENT },
    });
    told.tell(runEvent('running'), runEvent('failed'));
    await until(() => down.received.length === 1);
    while (warnings.length === 0) {
      clock.advance(MINUTE);
      await turn();
    }
    expect(clock.now().mono).toBeGreaterThanOrEqual(3 * DAY);
    expect(down.received.length).toBeGreaterThan(5);
    expect(warnings).toEqual([
      `a notification could not be sent for too long, and is given up {"to":"127.0.0.1:${down.port}","why":"it answered 503"}`,
    ]);
    await until(() => files().length === 0);
    await close();
  });
});

describe('a hostile endpoint', () => {
  test('that never answers is left after ten seconds, and tried again', async () => {
    const silent = await endpoint(() => undefined);
    const { told, close } = await observed({ to: [silent.url], on: ['end'] });
    told.tell(runEvent('running'), runEvent('done'));
    await until(() => silent.received.length === 1);
    while (silent.received.length < 2) {
      clock.advance(1000);
      await turn();
    }
    let isClosed = false;
    const closed = close().then(() => {
      isClosed = true;
    });
    while (!isClosed) {
      clock.advance(1000);
      await turn();
    }
    await closed;
    expect(files()).toHaveLength(1);
  });

  test('that answers without end has its connection closed', async () => {
    let written = 0;
    let isClosed = false;
    const endless = await endpoint((response) => {
      response.on('close', () => {
        isClosed = true;
      });
      const more = (): void => {
        written += 65_536;
        if (!isClosed) response.write(Buffer.alloc(65_536), () => setImmediate(more));
      };
      more();
    });
    const { told, close } = await observed({ to: [endless.url], on: ['end'] });
    told.tell(runEvent('running'), runEvent('done'));
    await until(() => isClosed);
    expect(written).toBeLessThan(16 * 1024 * 1024);
    await close();
    expect(endless.received).toHaveLength(1);
    expect(files()).toEqual([]);
  });

  test('can send us round on its own host, and nowhere else', async () => {
    const elsewhere = await endpoint(ok);
    const round = await endpoint((response, request) => {
      if (request.url === '/hook') response.writeHead(307, { location: '/there' }).end();
      else response.writeHead(307, { location: elsewhere.url }).end();
    });
    const { told, close } = await observed({ to: [round.url], on: ['end'] });
    told.tell(runEvent('running'), runEvent('done'));
    await until(() => warnings.length === 1);
    expect(warnings[0]).toContain('it answered 307, a redirect that is not followed');
    expect(round.received.map(({ path }) => path)).toEqual(['/hook', '/there']);
    expect(elsewhere.received).toEqual([]);
    await close();
  });
});

test('a command is given the message on its stdin, and one that fails is tried again', async () => {
  const said = join(folder, 'said');
  const line = `cat >> '${said}'; echo $HEDDLE_NOTIFY_EVENT >> '${said}'; test $(grep -c end '${said}') -ge 2`;
  const { told, close } = await observed({ to: [`command:${line}`], on: ['end'] });
  told.tell(runEvent('running'), runEvent('done'));
  const { readFileSync, existsSync } = await import('node:fs');
  const count = (): number => (existsSync(said) ? readFileSync(said, 'utf8').split('"schema"').length - 1 : 0);
  await until(() => count() === 1);
  for (let i = 0; i < 200 && count() < 2; i += 1) {
    clock.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await until(() => files().length === 0);
  expect(readFileSync(said, 'utf8')).toContain('"event":"end"');
  await close();
});

test('a failure is told once a run, without what may not leave, and with the end once more', async () => {
  const hook = await endpoint(ok);
  const redact = (text: string): string => text.replaceAll('hush', '***');
  const { told, close } = await observed({ to: [hook.url], redact });
  const failure = (index: number): EngineEvent => ({
    kind: 'job',
    run: RUN,
    seq: index,
    job: `job-${index}` as never,
    index,
    from: 'running',
    status: 'failed',
    detail: 'error',
    fence: 1,
    at: clock.now().wall,
    outcome: { kind: 'error', error: { name: 'Error', message: `token hush ${'x'.repeat(2000)}` } },
  });
  told.tell(runEvent('running'), ...Array.from({ length: 30 }, (_, i) => failure(i)), runEvent('failed'));
  await until(() => hook.received.length === 2);
  await close();
  const messages = hook.received.map(({ body }) => JSON.parse(body) as { event: string; failed: { how: string }[] });
  const byEvent = new Map(messages.map((message) => [message.event, message]));
  expect(byEvent.get('failure')?.failed).toHaveLength(1);
  expect(byEvent.get('end')?.failed).toHaveLength(10);
  expect(byEvent.get('end')?.failed[0]?.how).toMatch(/^Error: token \*\*\* x+…$/);
  expect(hook.received.some(({ body }) => body.includes('hush'))).toBe(false);
  expect(hook.received.every(({ body }) => body.length < 10_000)).toBe(true);
});

test('what is no target is refused, and not quoted', () => {
  expect(() => notify({ to: ['ftp://user:hush@host'] })).toThrow('a notification needs an address or a command');
  expect(() => notify({ to: ['command: '] })).toThrow("'command:' names no command");
});
