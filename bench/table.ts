import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';
import type { Line } from './row.ts';

const PAGE = new URL('../docs/performance.md', import.meta.url);
const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

/** Of the last minute, before anything was measured: above 0.5, somebody else was at work too. */
const loadAtStart = loadavg()[0] ?? Number.NaN;

/** What was measured on. */
export function machineFacts(): string {
  const model = cpus()[0]?.model ?? 'unknown';
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const facts = [
    `${availableParallelism()} cores (${model}), ${memory}`,
    `${type()} ${release()}`,
    `Node ${process.version}`,
    `durable rows on ${fileSystemOf(tmpdir())}`,
    `commands on ${fileSystemOf('/dev/shm')}`,
    `load average ${loadAtStart.toFixed(1)} before, ${(loadavg()[0] ?? Number.NaN).toFixed(1)} now`,
    new Date().toISOString().slice(0, 10),
  ];
  return facts.join('; ');
}

/** The kind of file system a path is on, where the system says it: of its longest mount point. */
function fileSystemOf(path: string): string {
  let best = { point: '', kind: 'an unknown file system' };
  for (const line of mounts().split('\n')) {
    const [, point = '', kind = ''] = line.split(' ');
    const isAbove = point === '/' || path === point || path.startsWith(`${point}/`);
    if (isAbove && point.length >= best.point.length) best = { point, kind };
  }
  return best.kind;
}

function mounts(): string {
  try {
    return readFileSync('/proc/self/mounts', 'utf8');
  } catch {
    return '';
  }
}

/** One line of the table as text, its method below it. */
export function printLine(line: Line): void {
  const verdict = line.isMet ? 'met' : 'MISSED';
  console.log(`${verdict.padEnd(7)} ${line.what}`);
  console.log(`        ${line.ours} | ${line.rival} | ${line.ratio} | budget ${line.budget}`);
  console.log(`        ${line.method}`);
}

/** Puts the table between the page's marks. */
export async function writePage(lines: readonly Line[]): Promise<void> {
  const rows = lines.map(({ what, ours, rival, ratio, budget, isMet, method }) =>
    [what, ours, rival, ratio, budget, isMet ? 'met' : '**missed**', method].join(' | '),
  );
  const table = [
    `Measured on ${machineFacts()}.`,
    '',
    '| what | ours | rival or raw limit | ratio | budget | | method |',
    '|---|---|---|---|---|---|---|',
    ...rows.map((row) => `| ${row} |`),
  ].join('\n');
  const page = await readFile(PAGE, 'utf8');
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`docs/performance.md has lost its marks ${BEGIN} and ${END}`);
  await writeFile(PAGE, `${page.slice(0, begin + BEGIN.length)}\n${table}\n${page.slice(end)}`);
}
