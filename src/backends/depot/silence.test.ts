import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { FakeClock } from '../../testing/index.ts';
import type { Connection, RunAnswer, Transport } from '../transport/index.ts';
import { openDepot } from './index.ts';

const ENDED: RunAnswer = { kind: 'ended', code: 0, stdout: Buffer.from('/there/.heddle\n'), stderr: '' };
const GONE: RunAnswer = { kind: 'unreachable', why: 'nobody answers', began: true };

/** A machine whose trips never end, and that answers scripts as long as it is told to. */
class SilentTransport implements Transport {
  readonly name: string = 'silent';
  readonly key: string = 'silent';
  readonly sharesFiles: boolean = false;
  answers = true;
  asked = 0;
  closed = 0;

  run(): Promise<RunAnswer> {
    this.asked += 1;
    return Promise.resolve(this.answers ? ENDED : GONE);
  }

  connect(): Connection {
    const { promise, resolve } = Promise.withResolvers<Awaited<Connection['ended']>>();
    const output = new PassThrough();
    const close = (): void => {
      this.closed += 1;
      output.end();
      resolve({ answer: GONE, stderr: '' });
    };
    return { input: new PassThrough(), output, pid: undefined, ended: promise, close };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

test.each(['send', 'fetch'] as const)(
  'a trip on which nothing moves goes on while the other side answers: %s',
  async (what) => {
    const clock = new FakeClock();
    const transport = new SilentTransport();
    const depot = openDepot({ transport, clock });
    await depot.root();
    const trip =
      what === 'send'
        ? depot.send([{ at: '/there/job', files: [] }])
        : depot.fetch([{ from: '/there/job', to: '/nowhere', files: ['x'] }]);
    const pass = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(60_000);
      await new Promise((resolve) => setImmediate(resolve));
    };

    for (let minute = 0; minute < 5; minute += 1) await pass();
    expect(transport.asked).toBeGreaterThan(2);
    expect(transport.closed).toBe(0);

    transport.answers = false;
    await pass();

    expect(await trip).toMatchObject({ kind: 'unreachable', why: 'nobody answers' });
  },
);
