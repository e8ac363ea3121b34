import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inlineBackend } from '../../../src/backends/inline/index.ts';
import { processesBackend } from '../../../src/backends/processes/index.ts';
import { threadsBackend } from '../../../src/backends/threads/index.ts';
import { decodeValue, type Outcome, type ResolvedWork } from '../../../src/model/index.ts';
import { Lanes } from './harness.ts';

function source(fn: (...args: never[]) => unknown, args: readonly unknown[] = []): ResolvedWork {
  return { kind: 'call', call: { kind: 'source', source: String(fn) }, args };
}

function codeOf(outcome: Outcome): string {
  return outcome.kind === 'error' ? (outcome.error.code ?? outcome.error.name) : outcome.kind;
}

describe.each([
  { name: 'in this process', backend: () => inlineBackend() },
  { name: 'in threads', backend: () => threadsBackend({ slots: 1 }) },
  { name: 'in processes', backend: () => processesBackend({ slots: 1 }) },
])('F26 results $name', ({ backend }) => {
  test('that can not be serialised fail by name, that go round come back, that have 200 MB are refused; the next call runs', async () => {
    await using lanes = await Lanes.open(backend());

    const live = await lanes.run(source(() => ({ rows: [{ done: Promise.resolve() }] })));
    const round = await lanes.run(
      source(() => {
        const node: Record<string, unknown> = { name: 'a' };
        node['next'] = { name: 'b', next: node };
        return node;
      }),
    );
    const bytes = await lanes.run(source(() => new Uint8Array(200 * 1024 * 1024)));
    const text = await lanes.run(source(() => ({ text: 'x'.repeat(200 * 1024 * 1024) })));
    const after = await lanes.run(source(() => 'well'));

    expect([live, bytes, text].map(codeOf)).toEqual(['VALUE_INVALID', 'VALUE_TOO_LARGE', 'VALUE_TOO_LARGE']);
    expect(live.kind === 'error' && live.error.message).toBe('result.rows[0].done is a promise: await it');
    const node = round.kind === 'ok' && round.value && (decodeValue(round.value) as { next: { next: unknown } });
    expect(node && node.next.next).toBe(node);
    expect(after).toMatchObject({ kind: 'ok', value: { json: '"well"' } });
  });
});

describe.each([
  { name: 'threads', backend: () => threadsBackend({ slots: 2 }) },
  { name: 'processes', backend: () => processesBackend({ slots: 2 }) },
])('F06 $name whose event loop stands still', ({ backend }) => {
  test('are not taken for lost: the body runs once, its end is heard, and what waited behind it runs once elsewhere', async () => {
    await using lanes = await Lanes.open(backend());
    const go = join(lanes.project, 'go');
    const stall = (path: string, until: string): void => {
      const { appendFileSync, existsSync } = process.getBuiltinModule('node:fs');
      appendFileSync(path, 'stalled\n');
      const word = new Int32Array(new SharedArrayBuffer(4));
      while (!existsSync(until)) Atomics.wait(word, 0, 0, 20);
    };
    const quick = (path: string, n: number): void => {
      process.getBuiltinModule('node:fs').appendFileSync(path, `${n}\n`);
    };

    const stalled = await lanes.start(source(stall, [lanes.ledger, go]));
    await lanes.running(stalled);
    const others = await Promise.all(
      Array.from({ length: 20 }, (_, n) => lanes.start(source(quick, [lanes.ledger, n]))),
    );
    const ends = await Promise.all(others.map((order) => lanes.outcome(order)));
    const isHeard = lanes.rig.reported(stalled) !== undefined;
    writeFileSync(go, '');
    const end = await lanes.outcome(stalled);

    expect(isHeard).toBe(false);
    expect([end.kind, ...new Set(ends.map(({ kind }) => kind))]).toEqual(['ok', 'ok']);
    const ran = readFileSync(lanes.ledger, 'utf8').trim().split('\n');
    expect(ran.toSorted()).toEqual(['stalled', ...Array.from({ length: 20 }, (_, n) => `${n}`)].toSorted());
  });
});
