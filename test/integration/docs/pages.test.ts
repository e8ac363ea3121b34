import { spawnSync } from 'node:child_process';
import { chmodSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';

/**
 * The pages of the guide do what they say. A block of TypeScript that begins with `// name.ts`, or of YAML with
 * `# name.yaml`, is a file of that name; a block of `console` has commands, `$ node name.ts`, each followed by all it prints.
 * Every file of a page is run or imported, and all are type-checked. `// @ts-expect-error` is followed by part of what the
 * compiler says about the next line.
 */

const root = join(import.meta.dirname, '../../..');
const sources = join(root, 'test/acceptance/use-sources.ts');

interface Block {
  readonly language: string;
  readonly text: string;
}

interface Page {
  readonly name: string;
  readonly blocks: readonly Block[];
}

function readPage(path: string): Page {
  const text = readFileSync(join(root, path), 'utf8');
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', body = '']) => ({
    language,
    text: body,
  }));
  return { name: basename(path, '.md'), blocks };
}

/** Pages with something to run. */
const pages = globSync('docs/*.md', { cwd: root })
  .toSorted()
  .map(readPage)
  .filter(({ blocks }) => blocks.some(({ language }) => language === 'console'));

/** How a block says which file it is. */
const NAMES: Readonly<Record<string, RegExp>> = { ts: /^\/\/ (\S+\.ts)\n/, yaml: /^# (\S+\.yaml)\n/ };

function filesOf({ blocks }: Page): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const { language, text } of blocks) {
    const name = NAMES[language]?.exec(text)?.[1];
    if (name !== undefined) files.set(name, text);
  }
  return files;
}

interface Session {
  readonly command: string;
  readonly prints: string;
}

function sessionsOf({ blocks }: Page): readonly Session[] {
  return blocks
    .filter(({ language }) => language === 'console')
    .flatMap(({ text }) => text.split(/^\$ /m).slice(1))
    .map((session) => ({
      command: session.slice(0, session.indexOf('\n')),
      prints: session.slice(session.indexOf('\n') + 1),
    }));
}

/** A folder as a user has it: the page's files, and this heddle installed. */
function setUp(page: Page): string {
  const folder = ownFolder(`docs-${page.name}`);
  for (const [name, text] of filesOf(page)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  const npx = join(folder, '.bin', 'npx');
  mkdirSync(dirname(npx));
  writeFileSync(npx, `#!/bin/sh\nshift\nexec '${process.execPath}' '${join(root, 'bin/heddle.cjs')}' "$@"\n`);
  chmodSync(npx, 0o755);
  return folder;
}

function run(command: string, folder: string): string {
  const path = [join(folder, '.bin'), dirname(process.execPath), process.env['PATH']].join(delimiter);
  const { stdout, stderr } = spawnSync('sh', ['-c', command], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    env: {
      ...process.env,
      PATH: path,
      NODE_OPTIONS: `--import=${sources} --disable-warning=ExperimentalWarning`,
      HEDDLE_SOURCE: '1',
    },
  });
  return stdout + stderr;
}

test.each(pages.map((page) => [page.name, page] as const))(
  '%s: every command prints what the page says',
  async (_, page) => {
    const folder = setUp(page);

    for (const { command, prints } of sessionsOf(page)) {
      expect(`$ ${command}\n${run(command, folder)}`).toBe(`$ ${command}\n${prints}`);
    }
    await giveBack(folder);
  },
);

test.each(pages.map((page) => [page.name, page] as const))('%s: every file is run or imported', (_, page) => {
  const texts = [...sessionsOf(page).map(({ command }) => command), ...filesOf(page).values()];
  const unused = [...filesOf(page).keys()].filter((name) => {
    const inCommand = (text: string): boolean => text.split(/\s+/).includes(name);
    return !texts.some(
      (text) =>
        text.includes(`'./${name}'`) || text.includes(` ./${name}#`) || (!text.includes('\n') && inCommand(text)),
    );
  });

  expect(unused).toEqual([]);
});

/** A file in which the compiler says what it thinks, and what it is expected to say, by line. */
function outspoken(text: string): { readonly text: string; readonly said: ReadonlyMap<number, string> } {
  const said = new Map<number, string>();
  const lines = text.split('\n').map((line, i) => {
    const expected = /\/\/ @ts-expect-error (.+)$/.exec(line)?.[1];
    if (expected !== undefined) said.set(i + 2, expected);
    return expected === undefined ? line : '//';
  });
  return { text: lines.join('\n'), said };
}

/** What `tsc` prints of each place, with what follows on lines of their own. */
function complaints(stdout: string): ReadonlyMap<string, string> {
  const all = [...stdout.matchAll(/^(\S+?)\((\d+),\d+\): (.*(?:\n .*)*)/gm)];
  return new Map(
    all.map(([, file = '', line = '', text = '']) => [`${basename(dirname(file))}/${basename(file)}:${line}`, text]),
  );
}

test('every file of every page is well typed, and mistakes are told as the page says', async () => {
  const folders = pages.map(setUp);
  const expected = new Map<string, string>();
  for (const [i, page] of pages.entries()) {
    for (const [name, text] of filesOf(page)) {
      const file = outspoken(text);
      if (file.said.size === 0) continue;
      const copy = `${basename(name, '.ts')}-outspoken.ts`;
      const folder = folders[i] as string;
      writeFileSync(join(folder, copy), file.text);
      for (const [line, part] of file.said) expected.set(`${basename(folder)}/${copy}:${line}`, part);
    }
  }
  const options = JSON.parse(readFileSync(join(root, 'examples/tsconfig.json'), 'utf8')) as { compilerOptions: object };
  const project = ownFolder('docs-types');
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: {
        ...options.compilerOptions,
        noEmit: true,
        isolatedDeclarations: false,
        declaration: false,
        rootDir: '/',
        typeRoots: [join(root, 'node_modules/@types')],
        paths: { heddle: [join(root, 'src/index.ts')], 'heddle/testing': [join(root, 'src/testing/index.ts')] },
      },
      include: folders.map((folder) => `${folder}/**/*.ts`),
    }),
  );

  const { stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', project], { encoding: 'utf8' });

  const said = complaints(stdout);
  expect([...said.keys()].toSorted(), stdout).toEqual([...expected.keys()].toSorted());
  for (const [place, part] of expected) expect(said.get(place)).toContain(part);
  await Promise.all([...folders, project].map(giveBack));
});
