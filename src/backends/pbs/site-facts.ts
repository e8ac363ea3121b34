import type { SchedulerFacts, ToolOutput } from '../scheduler/index.ts';

/** Sections, each under a line `== name`. */
export const DESCRIBE_TEXT = `echo '== version'; qstat --version 2>&1
echo '== server'; qstat -B -f 2>&1
echo '== queues'; qstat -Q 2>&1
`;

export function readFacts({ stdout, stderr }: ToolOutput): SchedulerFacts {
  const sections = new Map(
    stdout.split(/^== /m).map((section) => {
      const [name = '', ...lines] = section.split('\n');
      return [name, lines.filter((line) => line.trim() !== '')] as const;
    }),
  );
  const [version = ''] = sections.get('version') ?? [];
  if (!/\d/.test(version)) {
    const said = [version, stderr.trim()].filter(Boolean).join('; ');
    return { version: '', notes: [], problems: [`no PBS answers: ${said}`] };
  }
  const server = sections.get('server') ?? [];
  const attributes = new Map(server.map((line) => line.trim().split(' = ', 2) as [string, string]));
  const maxArraySize = Number(attributes.get('max_array_size') ?? 0);
  const isHistoryKept = attributes.get('job_history_enable') === 'True';
  return {
    version: version.replace(/^pbs_version = /, 'PBS '),
    ...(maxArraySize > 0 ? { maxArraySize } : {}),
    notes: [...(sections.get('queues') ?? []), ...limitNotes(attributes)],
    problems: isHistoryKept
      ? []
      : [
          'the server keeps no history: how an attempt ended that could leave no record of its own will not be known ' +
            "(qmgr -c 'set server job_history_enable = True')",
        ],
  };
}

function limitNotes(attributes: ReadonlyMap<string, string>): readonly string[] {
  return [...attributes].filter(([name]) => name.startsWith('max_')).map(([name, value]) => `${name} ${value}`);
}
