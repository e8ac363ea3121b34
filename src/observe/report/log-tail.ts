import { open } from 'node:fs/promises';
import { join } from 'node:path';

const READ_BYTES = 16 * 1024;
const LINES = 20;
const LONGEST_LINE = 400;

/** The last lines an attempt wrote to a stream; none when it wrote nothing, or its directory has gone. */
export async function lastLines(directory: string, stream: 'stdout' | 'stderr'): Promise<readonly string[]> {
  if (directory === '') return [];
  try {
    await using file = await open(join(directory, stream));
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(Math.min(size, READ_BYTES)),
      position: Math.max(0, size - READ_BYTES),
    });
    if (bytesRead === 0) return [];
    const lines = buffer.toString('utf8', 0, bytesRead).replace(/\n+$/, '').split('\n');
    return lines.slice(-LINES).map(plain);
  } catch {
    return [];
  }
}

/** Without what steers a terminal. */
function plain(line: string): string {
  const text = line.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '');
  return text.length <= LONGEST_LINE ? text : `${text.slice(0, LONGEST_LINE - 1)}…`;
}
