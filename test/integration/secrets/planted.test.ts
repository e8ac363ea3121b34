import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';

const run = promisify(execFile);
const heddle = resolve(import.meta.dirname, '../../../bin/heddle.cjs');
const index = resolve(import.meta.dirname, '../../../src/index.ts');

const PLANTED = 'pl4nted:Se"cr\'et/värde+0123456789';
const FROM_FILE = 'line-one-of-the-key\nline-two-of-the-key\n';

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

const FLOW = `
import { command, json, secret, sh, task, workflow } from ${JSON.stringify(index)};
const environment = { TOKEN: secret.env('PLANTED'), KEY: secret.file('key.txt'), PRINTED: secret.command('printf %s "$PLANTED-printed"') };
const says = command('says', {
  run: () => sh\`echo "out $TOKEN $KEY $PRINTED"; printf %s "$TOKEN" | base64; printf '{"t":"%s"}' "$KEY" | tr '\\\\n' ' ' >&2; echo "err $TOKEN" >&2\`,
  environment,
});
const fails = command('fails', { run: () => sh\`echo "bad $TOKEN" >&2; exit 3\`, environment, retry: { maxAttempts: 2, initialDelay: 1 } });
const results = command('results', { run: () => sh\`printf '{"a":"b"}' > r.json; echo "$TOKEN" | tee /dev/stderr >/dev/null\`, outputs: { r: json('r.json') }, environment });
export const spills = task('spills', (token, options) => { console.log('task', token); console.error(options.nested[0]); return { token, list: [options], map: new Map([[token, Buffer.from(token)]]) }; }, { environment });
export const throws = task('throws', (token) => { throw new Error('no ' + token, { cause: new Error(encodeURIComponent(process.env.TOKEN + token)) }); }, { environment });
export default workflow('planted', () => {
  const token = secret.env('PLANTED');
  return [says(), fails(), results().r, spills(token, { nested: [token] }), throws(token), spills.on('processes')(token, { nested: [token] }), throws.on('processes')(token)];
});
`;

function* filesBelow(directory: string): Generator<string> {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const { isDirectory, isFile } = { isDirectory: statSync(path).isDirectory(), isFile: statSync(path).isFile() };
    if (isDirectory) yield* filesBelow(path);
    else if (isFile) yield path;
  }
}

/** What must be found nowhere: as it is, and as programs write it. */
const FORMS = [
  PLANTED,
  ...FROM_FILE.trim().split('\n'),
  JSON.stringify(PLANTED).slice(1, -1),
  encodeURIComponent(PLANTED),
  Buffer.from(PLANTED).toString('base64').slice(0, -4),
].flatMap((form) => [Buffer.from(form), Buffer.from(form, 'utf16le')]);

function foundIn(bytes: Buffer): string | undefined {
  return FORMS.find((form) => bytes.includes(form))?.toString();
}

test('F45: a planted secret is in no artefact', { timeout: 120_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'heddle-planted-'));
  dirs.push(dir);
  writeFileSync(join(dir, 'key.txt'), FROM_FILE, { mode: 0o600 });
  writeFileSync(join(dir, 'flow.ts'), FLOW);
  const env = { ...process.env, PLANTED, HEDDLE_STORE: '' };
  const said: { readonly what: string; readonly text: string }[] = [];
  const cli = async (...args: readonly string[]): Promise<string> => {
    const end = await run(process.execPath, [heddle, ...args], { cwd: dir, env, maxBuffer: 1e9 }).catch(
      (error: { readonly stdout: string; readonly stderr: string }) => error,
    );
    said.push({ what: args.join(' '), text: end.stdout + end.stderr });
    return end.stdout;
  };

  const { run: id, counts } = JSON.parse(await cli('run', 'flow.ts', '--json')) as {
    readonly run: string;
    readonly counts: Readonly<Record<string, number>>;
  };
  expect(counts).toMatchObject({ done: 4, failed: 3 });
  await cli('retry', id, '--json');
  for (const command of ['show', 'logs', 'report', 'why', 'graph', 'export'])
    for (const more of [[], ['--json']]) {
      const extra =
        command === 'report' ? ['-o', join(dir, 'report.html')] : command === 'export' ? ['--to', 'json'] : [];
      await cli(command, command === 'why' ? `${id}/fails` : id, ...extra, ...more);
    }
  await cli('export', id, '--to', 'rocrate', '-o', join(dir, 'crate'));
  await cli('export', id, '--to', 'csv');

  const [log] = said.filter(({ what }) => what === `logs ${id}`);
  expect(log?.text).toContain('out [secret PLANTED]');
  expect(log?.text).toContain('task [secret PLANTED]');
  for (const { what, text } of said) expect.soft([what, foundIn(Buffer.from(text))]).toEqual([what, undefined]);
  for (const path of filesBelow(dir)) {
    if (path === join(dir, 'key.txt')) continue;
    expect.soft([path, foundIn(readFileSync(path))]).toEqual([path, undefined]);
  }
});

test('logs of a command that still runs are clean for who has its secret', { timeout: 60_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'heddle-planted-'));
  dirs.push(dir);
  writeFileSync(
    join(dir, 'flow.ts'),
    `import { command, secret, sh, workflow } from ${JSON.stringify(index)};
const waits = command('waits', { run: () => sh\`echo "now $TOKEN"; while [ ! -e \${'${dir}/go'} ]; do sleep 0.05; done\`, environment: { TOKEN: secret.env('PLANTED') } });
export default workflow('planted', () => { waits(); });`,
  );
  const options = { cwd: dir, env: { ...process.env, PLANTED, HEDDLE_STORE: '' } };
  const running = run(process.execPath, [heddle, 'run', 'flow.ts', '--json'], options);

  let shown = '';
  while (!shown.includes('now'))
    shown = (await run(process.execPath, [heddle, 'logs'], options).catch(() => ({ stdout: '' }))).stdout;
  writeFileSync(join(dir, 'go'), '');
  expect(shown).toBe('waits-1 | now [secret PLANTED]\n');
  await running;
});
