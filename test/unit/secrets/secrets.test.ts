import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { command, Engine, LocalJob, SubprocessJob, secret, sh, text, ThreadJob, workflow } from '../../../src/index.ts';

const VALUE = 'hunter2-hunter2';

const dirs: string[] = [];
afterEach(() => {
  vi.unstubAllEnvs();
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'heddle-secrets-test-'));
  dirs.push(dir);
  return dir;
}

test('a secret in the text of a command is refused, with its mend', () => {
  const bad = command('bad', { run: (p: { token: string }) => sh`curl -H ${p.token}` });
  const argv = command('argv', { run: (p: { token: string }) => ['curl', p.token] });
  for (const define of [bad, argv])
    expect(() => workflow('w', () => define({ token: secret.env('TOKEN') })).build()).toThrow(
      expect.objectContaining({
        code: 'TEMPLATE_INVALID',
        hint: expect.stringContaining("environment: { TOKEN: secret.env('TOKEN') }"),
      }),
    );
});

test('a call is given the value, and gives back what stands for it', async () => {
  vi.stubEnv('PLANTED', VALUE);
  await using engine = await Engine.open();
  const long = new ThreadJob((token: string) => [token.length, token], [secret.env('PLANTED')]);
  const deep = new LocalJob((p: { list: string[] }) => p.list[0]?.length, [{ list: [secret.env('PLANTED')] }]);
  engine.submit(long, deep);

  expect(await long.result()).toEqual([VALUE.length, '[secret PLANTED]']);
  expect(await deep.result()).toBe(VALUE.length);
});

test('a missing secret fails its job before it starts', async () => {
  vi.stubEnv('PLANTED', '');
  await using engine = await Engine.open();
  const job = new SubprocessJob(['env'], { environment: { TOKEN: secret.env('PLANTED') } });
  const printed = new SubprocessJob(['env'], {
    environment: { TOKEN: secret.command('echo no such key >&2; exit 1') },
  });
  engine.submit(job, printed);

  await expect(job.result()).rejects.toMatchObject({
    cause: {
      code: 'SECRET_MISSING',
      message: expect.stringContaining('PLANTED is empty'),
      hint: expect.stringContaining('export PLANTED'),
    },
  });
  await expect(printed.result()).rejects.toMatchObject({ cause: { message: expect.stringContaining('no such key') } });
});

test('command.sh has no value in it, and asks for the variable by hand', async () => {
  vi.stubEnv('PLANTED', VALUE);
  const dir = folder();
  const says = command('says', {
    run: () => sh`printf '%s' "\${#TOKEN}" > length.txt; pwd > here.txt`,
    outputs: { length: text('length.txt'), here: text('here.txt') },
    environment: { TOKEN: secret.env('PLANTED') },
  });
  await using engine = await Engine.open({ store: join(dir, 'store'), project: dir });
  const { length, here } = (await (
    await engine.run(
      workflow('w', () => {
        const s = says();
        return { length: s.length, here: s.here };
      }),
    )
  ).result()) as Record<string, string>;

  expect(length).toBe(String(VALUE.length));
  const script = readFileSync(join((here as string).trim(), 'command.sh'), 'utf8');
  expect(script).not.toContain(VALUE);
  expect(script).toContain('TOKEN:?is a secret env PLANTED: set it');
});

test('warns of a secret too short to be taken out', async () => {
  vi.stubEnv('PLANTED', 'abc');
  const said: string[] = [];
  await using engine = await Engine.open();
  engine.logs.add((line) => said.push(line));
  const job = new LocalJob((token: string) => token, [secret.env('PLANTED')]);
  engine.submit(job);

  expect(await job.result()).toBe('abc');
  expect(said.join()).toContain('[secret PLANTED] has fewer than 4 characters');
});
