import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HeddleError } from '../model/index.ts';
import type { Output } from './output.ts';

/** Writes text piece by piece to a file, or to stdout where none is named. @throws {HeddleError} INPUT_INVALID */
export async function writeTo(
  output: Output,
  pieces: Iterable<string> | AsyncIterable<string>,
  path?: string,
): Promise<void> {
  if (path === undefined) return output.pieces(pieces);
  try {
    await pipeline(Readable.from(pieces), createWriteStream(path));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (HeddleError.is(error) || code === undefined) throw error;
    throw new HeddleError('INPUT_INVALID', `'${path}' can't be written (${code})`, {
      cause: error,
      hint: 'name a file in a folder that is there and that you may write to',
    });
  }
}
