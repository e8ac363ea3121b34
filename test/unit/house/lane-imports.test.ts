import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import * as whole from '../../../src/index.ts';
import * as light from '../../../src/lane-face.ts';

const src = join(import.meta.dirname, '../../../src');
/** With a literal: what is found at run time is loaded when it is wanted. A statement begins its line, so a text that says `from` is none. */
const IMPORT = /^(?:(?:import|export|\})[^'\n]*\bfrom\s*|import\s*)'([^']+)'|\bimport\(\s*'([^']+)'/gm;

/** What is loaded with a file: our own files by path from src/, all else by name. */
function loadedWith(entry: string): ReadonlySet<string> {
  const loaded = new Set([entry]);
  for (const file of loaded) {
    if (!file.endsWith('.ts')) continue;
    const text = stripTypeScriptTypes(readFileSync(join(src, file), 'utf8'));
    for (const [, stated, called] of text.matchAll(IMPORT)) {
      const specifier = stated ?? called ?? '';
      loaded.add(specifier.startsWith('.') ? relative(src, join(src, file, '..', specifier)) : specifier);
    }
  }
  return loaded;
}

test.each(['thread', 'fork', 'stdio', 'watchdog'])('a %s lane loads what makes calls, and little else', (name) => {
  const loaded = [...loadedWith(`lanes/${name}.entry.ts`)];

  const rooms = new Set(loaded.filter((path) => path.endsWith('.ts')).map((path) => path.split('/')[0]));
  expect(rooms).toEqual(new Set(name === 'watchdog' ? ['lanes'] : ['calls', 'lanes', 'model']));
  expect(loaded).not.toContain('model/index.ts');
  expect(loaded).not.toContain('calls/index.ts');
  for (const heavy of ['acorn', 'node:inspector', 'node:sqlite', 'node:crypto', 'node:child_process']) {
    expect(loaded).not.toContain(heavy);
  }
  // Each file costs every worker some tenths of a millisecond.
  expect(loaded.length).toBeLessThanOrEqual(40);
});

test('a module that imports heddle brings no engine, store or backend into its lane', () => {
  const loaded = [...loadedWith('lane-face.ts')];

  const rooms = new Set(
    loaded.filter((path) => path.includes('/') && path.endsWith('.ts')).map((path) => path.split('/')[0]),
  );
  expect(rooms).toEqual(new Set(['calls', 'jobs', 'model', 'process', 'workflow']));
  for (const heavy of ['acorn', 'commander', 'node:inspector', 'node:sqlite', 'node:net', 'node:child_process']) {
    expect(loaded).not.toContain(heavy);
  }
  expect(loaded.length).toBeLessThanOrEqual(75);
});

test('it finds every name of the public API there', () => {
  const kinds = (face: object): readonly string[] =>
    Object.entries(face)
      .map(([name, member]) => `${name}: ${typeof member}`)
      .toSorted();

  expect(kinds(light)).toEqual(kinds(whole));
});
