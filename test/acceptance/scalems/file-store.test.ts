import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type FileReference, FileStore } from 'heddle';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';

/** scalems: the promises of its file store, and those it did not keep. */

const PROGRAM = join(import.meta.dirname, 'programs', 'keep-files.ts');
const SOURCES = join(import.meta.dirname, '..', 'use-sources.ts');

let directory = '';
beforeEach(() => {
  directory = ownFolder('file-store');
});
afterEach(() => giveBack(directory));

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** A file outside the store. */
function source(content: string | Uint8Array, name = 'source'): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const place = (): string => join(directory, 'place');

/** Another process that has a store open; with `add`, it adds files to it. */
async function owner(add = '') {
  const argv = ['--disable-warning=ExperimentalWarning', '--import', SOURCES, PROGRAM, place(), add];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => ((await lines.next()) as { value?: string }).value ?? '';
  expect(await next()).toBe(`open ${child.pid}`);
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { pid: child.pid, next, kill };
}

describe('files', () => {
  test('are copied by hash, under which they lie: the source may be deleted', async () => {
    await using store = await FileStore.open(place());
    const path = source('a\tb\n1\t2\n', 'table.tsv');

    const table = await store.addFile(path);
    rmSync(path);

    expect(table).toMatchObject({ sha256: sha256('a\tb\n1\t2\n'), size: 8, name: 'table.tsv', isLocal: true });
    expect(await table.text()).toBe('a\tb\n1\t2\n');
    expect(table.uri).toBe(`file://${table.path}`);
    expect(await table.localize()).toBe(table);
    expect(store.file(table.sha256)).toEqual(table);
  });

  test('with the same content are one', async () => {
    await using store = await FileStore.open(place());

    const both = await Promise.all([store.addFile(source('same', 'a')), store.addFile(source('same', 'b'))]);
    const again = await store.addFile(source('same', 'c'));

    expect(both).toEqual([again, again]);
    expect(store.files()).toEqual([again]);
  });

  test.each(['binary', 'text'] as const)('may be empty: %s', async (mode) => {
    await using store = await FileStore.open(place());

    const empty = await store.addFile(source(''), { mode });

    expect(empty).toMatchObject({ size: 0, sha256: sha256('') });
    expect(readFileSync(empty.path)).toHaveLength(0);
  });

  test('as text are equal whatever ends their lines; as binary every byte counts', async () => {
    await using store = await FileStore.open(place());
    // So that a pair is cut by the end of a chunk, too.
    const lines = ['x'.repeat(1024 * 1024 - 1), 'two', '', 'four', ''];
    const styles = ['\n', '\r\n', '\r'].map((end) => lines.join(end));

    const texts: FileReference[] = [];
    const binaries: FileReference[] = [];
    for (const style of styles) {
      texts.push(await store.addFile(source(style), { mode: 'text' }));
      binaries.push(await store.addFile(source(style)));
    }

    expect(new Set(texts.map((file) => file.sha256))).toEqual(new Set([sha256(lines.join('\n'))]));
    expect(binaries.map((file) => file.sha256)).toEqual(styles.map(sha256));
    expect(readFileSync(binaries[1]!.path, 'utf8')).toBe(styles[1]);
  });

  test('that are none are refused', async () => {
    await using store = await FileStore.open(place());

    await expect(store.addFile(join(directory, 'none'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(store.addFile(directory)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    expect(store.files()).toEqual([]);
  });
});

describe('a store', () => {
  test('is closed and opened again with all it had', async () => {
    const store = await FileStore.open(place());
    const file = await store.addFile(source('kept'));
    store.putObject('answer', { value: 42 });
    await store.close();
    await store.close();

    await expect(store.addFile(source('late'))).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    await using again = await FileStore.open(place());
    expect(again.files()).toEqual([file]);
    expect(again.object('answer')).toEqual({ value: 42 });
    expect(again.object('question')).toBeUndefined();
  });

  test('is open once in a process, by whatever path', async () => {
    await using _ = await FileStore.open(place());
    const alias = join(directory, 'alias');
    symlinkSync(place(), alias);

    for (const path of [place(), alias])
      await expect(FileStore.open(path)).rejects.toMatchObject({
        code: 'STORE_LOCKED',
        message: expect.stringContaining('is open in this process'),
      });
  });

  test('lies in no other and holds no other', async () => {
    const inner = join(place(), 'a', 'b');
    {
      await using _ = await FileStore.open(inner);
    }
    await expect(FileStore.open(place())).rejects.toThrow(`would hold the one of ${inner}`);
    rmSync(inner, { recursive: true });
    await using _ = await FileStore.open(place());

    await expect(FileStore.open(inner)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    await expect(FileStore.open(inner)).rejects.toThrow(`lies in the one of ${place()}`);
  });

  test('of a living owner is refused, saying whose it is; of a dead one it is not', async () => {
    const other = await owner();

    await expect(FileStore.open(place())).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining(`is open in process ${other.pid} on `),
    });

    await other.kill();
    await using store = await FileStore.open(place());
    expect(store.isOpen).toBe(true);
  });

  test.each([3, 17, 40])('loses nothing it has acknowledged when it is killed behind %i files', async (count) => {
    mkdirSync(place(), { recursive: true });
    const other = await owner('add');
    const told: string[] = [];
    for (let i = 0; i < count; i += 1) told.push(await other.next());
    await other.kill();
    for (let line = await other.next(); line !== ''; line = await other.next()) told.push(line);

    await using store = await FileStore.open(place());

    expect(told.length).toBeGreaterThanOrEqual(count);
    for (const line of told) {
      const [hash = '', i = ''] = line.split(' ');
      const file = store.file(hash);
      expect(sha256(readFileSync(file?.path ?? ''))).toBe(hash);
      expect(store.object(`object ${i}`)).toBe(Number(i));
    }
  });
});
