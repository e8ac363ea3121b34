import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { RemoteCode } from '../../../src/backends/code/index.ts';
import { openDepot } from '../../../src/backends/depot/index.ts';
import { localTransport, type Transport } from '../../../src/backends/transport/index.ts';
import { readCallResult } from '../../../src/calls/index.ts';
import type { ResolvedCall } from '../../../src/model/index.ts';
import { systemClock } from '../../../src/process/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';

interface Far extends AsyncDisposable {
  readonly code: RemoteCode;
  /** The project here, and the depot's root. */
  readonly project: string;
  readonly root: string;
}

/** A project with a module, what it imports, and a package; and a "host" whose files are its own. */
async function far(): Promise<Far> {
  const folder = ownFolder('remote-code');
  const [project, root] = [join(folder, 'project'), join(folder, 'far away')];
  mkdirSync(join(project, 'lib'), { recursive: true });
  mkdirSync(join(project, 'node_modules/leaf'), { recursive: true });
  mkdirSync(join(project, 'node_modules/stem'), { recursive: true });
  writeFileSync(join(project, 'package.json'), '{"type":"module","imports":{"#half":"./lib/half.ts"}}');
  writeFileSync(
    join(project, 'node_modules/stem/package.json'),
    '{"name":"stem","version":"1.0.0","type":"module","exports":"./main.js","dependencies":{"leaf":"*"}}',
  );
  writeFileSync(join(project, 'node_modules/stem/main.js'), `export { leaf } from 'leaf';`);
  writeFileSync(
    join(project, 'node_modules/leaf/package.json'),
    '{"name":"leaf","version":"1.0.0","type":"module","exports":"./main.js"}',
  );
  writeFileSync(join(project, 'node_modules/leaf/main.js'), `export const leaf = 4;`);
  writeFileSync(join(project, 'lib/half.ts'), 'export const half = (x: number): number => x / 2;');
  writeFileSync(join(project, 'lib/table.json'), '{"base": 100}');
  writeFileSync(join(project, 'never-needed.ts'), 'export const secret = 1;');
  writeFileSync(
    join(project, 'work.ts'),
    `import { readFileSync } from 'node:fs';
import { half } from '#half';
import { leaf } from 'stem';
import { task } from 'heddle';
const table = new URL('./lib/table.json', import.meta.url);
export const compute = task('compute', (x: number) => half(x) + leaf + JSON.parse(readFileSync(table, 'utf8')).base);
export const where = (): string => import.meta.url;`,
  );
  const transport = localTransport({ clock: systemClock });
  const depot = openDepot({ transport, root, clock: systemClock });
  return {
    code: new RemoteCode({ target: 'far', transport, depot, clock: systemClock }),
    project,
    root,
    [Symbol.asyncDispose]: async () => {
      await transport[Symbol.asyncDispose]();
      await giveBack(folder);
    },
  };
}

function call(project: string, name: string, args: readonly unknown[] = []): ResolvedCall {
  const module = pathToFileURL(join(project, 'work.ts')).href;
  return { kind: 'call', call: { kind: 'module', module, name, ...(name === 'compute' ? { task: true } : {}) }, args };
}

/** Makes a call with what was brought, the project itself out of reach. */
async function made(
  { code, project, root }: Far,
  { name, args = [] }: { readonly name: string; readonly args?: readonly unknown[] },
): Promise<unknown> {
  const runtime = await code.runtime([call(project, name)], project);
  const kept = `${project}.kept`;
  cpSync(project, kept, { recursive: true });
  spawnSync('rm', ['-r', project]);
  const [callFile, resultFile] = [join(root, 'call.json'), join(root, 'result.json')];
  const reference = { ...call(project, name).call, module: './work.ts' };
  writeFileSync(callFile, JSON.stringify({ format: 'heddle-call/1', call: reference, args, project: runtime.project }));
  const [node = '', ...program] = runtime.exec;
  const { stderr } = spawnSync(node, [...program, 'exec', callFile, resultFile], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
  if (!existsSync(resultFile)) throw new Error(stderr);
  return await readCallResult(resultFile);
}

test('a module runs far away with all it imports: relative, by #name, packages and theirs, files beside it', async () => {
  await using there = await far();

  expect(await made(there, { name: 'compute', args: [10] })).toBe(109);
});

test('nothing more is sent than what is imported', async () => {
  await using there = await far();

  expect(await made(there, { name: 'where' })).toMatch(/\/far%20away\/code\/[0-9a-f]{24}\/work\.ts$/);
  const [tree = ''] = readdirSync(join(there.root, 'code'));
  expect(readdirSync(join(there.root, 'code', tree)).toSorted()).toEqual([
    'lib',
    'node_modules',
    'package.json',
    'work.ts',
  ]);
});

test('the same code is sent once; changed code is another tree', async () => {
  await using there = await far();
  const { code, project, root } = there;

  const first = await code.runtime([call(project, 'where')], project);
  const again = await code.runtime([call(project, 'compute')], project);
  expect(again.project).toBe(first.project);
  writeFileSync(join(project, 'lib/half.ts'), 'export const half = (x: number): number => x / 3;');
  const changed = await code.runtime([call(project, 'where')], project);

  expect(changed.project).not.toBe(first.project);
  expect(readdirSync(join(root, 'code')).filter((name) => name.endsWith('.whole'))).toHaveLength(2);
});

test('a module outside of the project is refused, with what to do', async () => {
  await using there = await far();
  const outside = { ...call('/elsewhere', 'where') };

  await expect(there.code.runtime([outside], there.project)).rejects.toMatchObject({
    code: 'FUNCTION_CANNOT_TRAVEL',
    hint: expect.stringContaining('into the project'),
  });
});

test('a host that did not answer, and one without Node, are asked again', async () => {
  await using there = await far();
  const transport = localTransport({ clock: systemClock });
  let trips = 0;
  const stumbling: Transport = {
    ...{ name: transport.name, key: transport.key, sharesFiles: false },
    connect: (script) => transport.connect(script),
    run: (script, options) => {
      trips += 1;
      return trips === 1
        ? Promise.resolve({ kind: 'unreachable', why: 'cut', began: false })
        : transport.run(script, options);
    },
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
  const depot = openDepot({ transport, root: there.root, clock: systemClock });
  const code = new RemoteCode({ target: 'far', transport: stumbling, depot, clock: systemClock });

  await expect(code.runtime([call(there.project, 'where')], there.project)).rejects.toThrow(/cut/);
  expect(await code.runtime([call(there.project, 'where')], there.project)).toMatchObject({
    project: expect.any(String),
  });
  await transport[Symbol.asyncDispose]();
});
