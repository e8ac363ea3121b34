import type { SchedulerFacts, ToolOutput } from '../scheduler/index.ts';

/** What is asked for `heddle doctor`, each by its name in the answer. */
export const FACTS_QUERY: Readonly<Record<string, readonly string[]>> = {
  sbatch: ['sbatch', '--version'],
  config: ['scontrol', 'show', 'config'],
  partitions: ['sinfo', '--noheader', '--format=%P|%a|%l|%D|%c|%m|%G|%F'],
  accounting: ['sacct', '--noheader', '--allocations', '--parsable2', '--format=JobID', '--jobs=1'],
};

interface Part {
  readonly code: number;
  readonly text: string;
}

export function readFacts({ stdout, stderr }: ToolOutput): SchedulerFacts {
  const parts = partsOf(stdout);
  const problems: string[] = [];
  const part = (name: string): Part => parts.get(name) ?? { code: 1, text: stderr.trim() };
  const [sbatch, config, partitions, accounting] = ['sbatch', 'config', 'partitions', 'accounting'].map(part);
  if (sbatch?.code === 127)
    problems.push(
      `${sbatch.text.trim()}: load Slurm's module in what your login shell reads, or say where its commands are`,
    );
  else if (config?.code !== 0) problems.push(`the controller doesn't answer: ${firstLine(config?.text)}`);
  const setting = (name: string): string | undefined =>
    new RegExp(`^${name}\\s*=\\s*(.*)$`, 'm').exec(config?.text ?? '')?.[1]?.trim();
  const maxArraySize = Number(setting('MaxArraySize'));
  if (maxArraySize === 0)
    problems.push('MaxArraySize is 0: this site allows no arrays, each job is submitted by itself');
  const shown = partitions?.code === 0 ? partitions.text.split('\n').filter((line) => line !== '') : [];
  if (config?.code === 0 && shown.length === 0)
    problems.push('there is no partition you may use: ask the site for access');
  return {
    version: /slurm(?:-wlm)? ([\d.]+)/.exec(sbatch?.text ?? '')?.[1] ?? '',
    ...(maxArraySize > 0 ? { maxArraySize } : {}),
    notes: [
      ...['ClusterName', 'MinJobAge', 'KillWait', 'MaxJobCount'].flatMap((name) => {
        const value = setting(name);
        return value === undefined ? [] : [`${name} ${value}`];
      }),
      ...shown.map(partitionNote),
      accounting?.code === 0
        ? 'accounting answers'
        : `accounting doesn't answer (${firstLine(accounting?.text)}): ends are told by the work directories, and by squeue for MinJobAge`,
    ],
    problems,
  };
}

function partitionNote(line: string): string {
  const [name, state, limit, nodes, cpus, memory, gres, counts] = line.split('|');
  const [, idle] = counts?.split('/') ?? [];
  const devices = gres === '(null)' ? '' : `, ${gres}`;
  return `partition ${name} is ${state}: ${nodes} nodes (${idle} idle) of ${cpus} cpus and ${memory} MiB${devices}, time limit ${limit}`;
}

function firstLine(text = ''): string {
  return text.trim().split('\n')[0] ?? '';
}

function partsOf(stdout: string): ReadonlyMap<string, Part> {
  const parts = new Map<string, Part>();
  let lines: string[] = [];
  for (const line of stdout.split('\n')) {
    const end = /^--- (\w+) (\d+)$/.exec(line);
    if (end === null) {
      lines.push(line);
      continue;
    }
    parts.set(end[1] ?? '', { code: Number(end[2]), text: lines.join('\n') });
    lines = [];
  }
  return parts;
}
