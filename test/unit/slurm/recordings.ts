import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ToolOutput } from '../../../src/backends/scheduler/index.ts';

/** What Slurm 22.05 said once, on a cluster of two nodes with accounting; see README.md beside the recordings. */
export function recorded(name: string): ToolOutput {
  const text = readFileSync(join(import.meta.dirname, 'recordings', `${name}.txt`), 'utf8');
  const parts = /^exit (\d+)\n=== stdout\n([\s\S]*?)=== stderr\n([\s\S]*)$/.exec(text);
  if (parts === null) throw new Error(`${name} is no recording`);
  return { code: Number(parts[1]), stdout: parts[2] ?? '', stderr: parts[3] ?? '' };
}
