import type { SchedulerFacts, ToolOutput } from '../scheduler/index.ts';
import type { GridEngineOptions } from './options.ts';

/** Sections, each under a line `== name`. */
export const DESCRIBE_TEXT = `echo '== version'; qstat -help 2>&1 | head -n 1
echo '== limits'; qconf -sconf 2>&1
echo '== environments'; qconf -spl 2>&1
echo '== resources'; qconf -sc 2>&1
echo '== queues'; qstat -g c 2>&1
echo '== accounting'; qacct -o "$(id -un)" 2>&1
`;

export function readFacts({ stdout, stderr }: ToolOutput, options: GridEngineOptions): SchedulerFacts {
  const section = (name: string): readonly string[] => {
    const [, text = ''] = new RegExp(`^== ${name}\\n([\\s\\S]*?)(?=^== |$(?![\\s\\S]))`, 'm').exec(stdout) ?? [];
    return text.split('\n').filter((line) => line.trim() !== '');
  };
  const version = section('version')[0]?.trim() ?? '';
  if (!/\d/.test(version))
    return {
      version: '',
      notes: [],
      problems: [`no Grid Engine answers: ${[version, stderr.trim()].filter(Boolean).join('; ')}`],
    };
  const limits = new Map(section('limits').map((line) => line.trim().split(/\s+/, 2) as [string, string]));
  const tasks = Number(limits.get('max_aj_tasks') ?? 0);
  return {
    version,
    ...(tasks > 0 ? { maxArraySize: tasks } : {}),
    notes: [...queueNotes(section('queues')), ...limitNotes(limits)],
    problems: [...missing(section, options), ...accountingProblems(section('accounting'))],
  };
}

/** Of `qstat -g c`: a header, a rule, and a line a queue of its name, load, and slots that are used, reserved, free, and there. */
function queueNotes(lines: readonly string[]): readonly string[] {
  return lines.slice(2).flatMap((line) => {
    const [name, , used, , free, total] = line.trim().split(/\s+/);
    return name === undefined || total === undefined
      ? []
      : [`queue ${name}: ${total} slots, ${used} used, ${free} free`];
  });
}

function limitNotes(limits: ReadonlyMap<string, string>): readonly string[] {
  return ['max_u_jobs', 'max_jobs', 'max_aj_tasks', 'max_aj_instances']
    .filter((name) => limits.has(name))
    .map((name) => `${name} ${limits.get(name)}`);
}

function missing(section: (name: string) => readonly string[], options: GridEngineOptions): readonly string[] {
  const { parallelEnvironment = 'smp', memoryResource } = options;
  const problems: string[] = [];
  const environments = section('environments').map((line) => line.trim());
  if (!environments.includes(parallelEnvironment))
    problems.push(
      `there is no parallel environment '${parallelEnvironment}' for several cpus: set parallelEnvironment to one of ${environments.join(', ')}`,
    );
  const resources = section('resources').flatMap((line) => line.trim().split(/\s+/).slice(0, 2));
  if (memoryResource !== undefined && !resources.includes(memoryResource))
    problems.push(`there is no resource '${memoryResource}': set memoryResource to one of those of 'qconf -sc'`);
  return problems;
}

function accountingProblems(said: readonly string[]): readonly string[] {
  if (said.some((line) => line.startsWith('OWNER') || /no jobs running since startup/.test(line))) return [];
  return [
    `the accounting can't be read (${said.join('; ')}): how an attempt ended that could leave no record of its own will not be known`,
  ];
}
