import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { fileLines, runIdOf, Sandbox } from '../cli/harness.ts';

interface Message {
  readonly event: string;
  readonly run: { readonly id: string; readonly status: string; readonly counts?: Readonly<Record<string, number>> };
  readonly failed: readonly { readonly job: string; readonly how: string }[];
}

const FLOW = `import { command, sh, workflow } from 'heddle';
const step = command('step', { run: (p) => sh\`echo \${p.i} >> ../../../../../ran; test -e ../../../../../go || sleep 600\` });
export default workflow('flow', () => { step({ i: 1 }); });`;

const FAILS = `import { command, sh, workflow } from 'heddle';
const step = command('step', { run: () => sh\`exit 3\` });
export default workflow('fails', () => { step(); });`;

async function hook(): Promise<AsyncDisposable & { readonly url: string; readonly messages: readonly Message[] }> {
  const messages: Message[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      messages.push(JSON.parse(body) as Message);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    messages,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a run tells of its first failure and of its end', async () => {
  await using box = new Sandbox();
  await using told = await hook();
  box.write('flow.js', FAILS);

  const ended = await box.run(['run', 'flow.js', '--notify', told.url]);

  expect(ended.code).toBe(1);
  const byEvent = new Map(told.messages.map((message) => [message.event, message]));
  expect([...byEvent.keys()].toSorted()).toEqual(['end', 'failure']);
  expect(byEvent.get('failure')?.failed).toEqual([{ job: 'step-1', cause: 'exit', how: 'exit code 3' }]);
  expect(byEvent.get('end')?.run).toMatchObject({ status: 'failed', counts: { failed: 1 } });
  expect(readdirSync(join(box.folder, '.heddle', 'outbox'))).toEqual(['wishes']);
});

test('an endpoint that is not there changes nothing of the run; the message waits in the store', async () => {
  await using box = new Sandbox();
  const gone = await hook();
  await gone[Symbol.asyncDispose]();
  box.write('flow.js', FAILS.replace('exit 3', 'true'));

  const ended = await box.run(['run', 'flow.js', '--notify', gone.url]);

  expect(ended.code).toBe(0);
  expect(ended.stderr).toMatch(/done: 1 done/);
  const left = readdirSync(join(box.folder, '.heddle', 'outbox'), { recursive: true, encoding: 'utf8' });
  expect(left.filter((name) => name.endsWith('.json'))).toHaveLength(1);
});

test('who wants to be told is told by whoever ends the run, after a crash too', async () => {
  await using box = new Sandbox();
  await using told = await hook();
  box.write('flow.js', FLOW);
  const first = box.start(['run', 'flow.js', '--notify', told.url]);
  const run = await runIdOf(first);
  await fileLines(join(box.folder, 'ran'), 1);
  // It has been written down who wants to be told.
  while (!existsSync(join(box.folder, '.heddle', 'outbox', 'wishes', `${run}.json`))) await sleep(10);
  first.process.kill('SIGKILL');
  await first.ended;
  box.write('go', '');
  expect(told.messages).toEqual([]);
  await box.run(['cancel', run]);

  await box.run(['run', box.write('other.js', FAILS)]);

  expect(told.messages.map(({ event, run: of }) => [event, of.id, of.status])).toEqual([['end', run, 'cancelled']]);
  expect(readFileSync(join(box.folder, 'ran'), 'utf8')).toBe('1\n');
});
