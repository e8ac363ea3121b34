import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Bytes, readTar, TarError } from './tar-reader.ts';
import { SourceError, writeTar } from './tar-writer.ts';

describe('archives', () => {
  let home: string;
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'heddle-tar-'));
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  test('what is written is read again, whatever its name and however it is cut', async () => {
    const unit = fc.constantFrom('a', ' ', '/', '-', '.', '\\', '\n', '\u0001', 'ü', '漢', '😀', '%', '=');
    const name = fc.string({ unit, minLength: 1, maxLength: 150 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(name, fc.string({ maxLength: 600 }))),
        fc.integer({ min: 100, max: 2000 }),
        async (files, size) => {
          const archive = await collect(writeTar(files.map(([path, text]) => ({ kind: 'text', path, text }))));
          expect(archive.length % 512).toBe(0);

          const read: [string, string][] = [];
          for await (const entry of readTar(new Bytes(piecesOf(archive, size)))) {
            if (entry.kind === 'file') read.push([entry.path, (await collect(entry.data())).toString('utf8')]);
          }

          expect(read).toEqual(files);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('data that nobody reads is passed over', async () => {
    const entries = ['a', 'b'].map((path) => ({ kind: 'text', path, text: 'x'.repeat(5000) }) as const);
    const archive = await collect(writeTar(entries));

    const paths: string[] = [];
    for await (const { path } of readTar(new Bytes(piecesOf(archive, 700)))) paths.push(path);

    expect(paths).toEqual(['a', 'b']);
  });

  test('an archive that breaks off is none, wherever it does', async () => {
    const archive = await collect(writeTar([{ kind: 'text', path: 'a', text: 'x'.repeat(600) }]));

    for (const length of [100, 512, 900, 1536]) {
      const reading = collectPaths(readTar(new Bytes(piecesOf(archive.subarray(0, length), 256))));
      await expect(reading).rejects.toThrow(TarError);
    }
    await expect(collectPaths(readTar(new Bytes(piecesOf(Buffer.alloc(512, 'no tar '), 512))))).rejects.toThrow(
      /no archive/,
    );
  });

  test('a file that is not there, or has become another, is told of and not sent as what it was', async () => {
    const entry = { kind: 'file', path: 'a', executable: false, readOnly: false } as const;

    await expect(collect(writeTar([{ ...entry, from: join(home, 'none') }]))).rejects.toThrow(SourceError);

    const from = join(home, 'grows');
    writeFileSync(from, Buffer.alloc(1024 * 1024));
    const writing = writeTar([{ ...entry, from }]);
    await writing.next();
    writeFileSync(from, Buffer.alloc(512 * 1024));
    await expect(collect(writing)).rejects.toThrow(/changed while it was sent/);
  });
});

async function collect(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function collectPaths(entries: AsyncIterable<{ readonly path: string }>): Promise<readonly string[]> {
  const paths: string[] = [];
  for await (const { path } of entries) paths.push(path);
  return paths;
}

async function* piecesOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}
