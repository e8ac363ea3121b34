import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

test("README's first code block is the two commands CI runs as they stand there", () => {
  const [, block] = /^```sh\n(.*?)^```$/ms.exec(readme) ?? [];

  expect(block?.trimEnd().split('\n')).toEqual([
    'npm install && npx heddle run examples/equation-of-state/study.ts',
    'npm install && npm test',
  ]);
});

test('every npm script README names is one', () => {
  const named = [...readme.matchAll(/`(?:npm run )?((?:test:|check\b|ci\b|lint\b|soak\b|bench\b)[a-z]*)`/g)].map(
    ([, name]) => name,
  );

  expect(named).toContain('test:chaos');
  expect(named.filter((name) => name !== undefined && scripts[name] === undefined)).toEqual([]);
});

test('every link of a page to a file of ours leads to one', () => {
  const pages = globSync(['*.md', 'docs/**/*.md', 'examples/*/README.md'], { cwd: root });
  const dead = pages.flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)[^)]*\)/g)]
      .map(([, target]) => target ?? '')
      .filter((target) => !existsSync(join(root, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  );

  expect(dead).toEqual([]);
});
