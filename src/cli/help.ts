import type { Command } from 'commander';

/** What `--help` says of a command beside its description and options. */
interface Help {
  /** For the list of all commands: one line of a terminal of 80 columns. */
  readonly summary: string;
  /** Command lines with what they do, which may be empty. */
  readonly examples: readonly (readonly [line: string, does: string])[];
}

const HELP: Readonly<Record<string, Help>> = {
  run: {
    summary: 'run a workflow or an experiment',
    examples: [
      ['heddle run melt.ts', ''],
      ["heddle run melt.ts -p 'temperatures=[0.7,0.8]' -j 4", ''],
      ['heddle run study.yaml --notify command:beep', ''],
    ],
  },
  plan: {
    summary: 'what would run, and why; starts nothing',
    examples: [
      ["heddle plan melt.ts -p 'temperatures=[0.7,0.9]'", ''],
      ['heddle plan melt.ts --scripts --backend cluster', 'its native scripts'],
    ],
  },
  accept: {
    summary: 'keep results after a change without effect',
    examples: [
      ['heddle accept melt.ts', 'all whose code alone has changed'],
      ['heddle accept melt.ts simulate-1', 'this one, whatever has changed'],
    ],
  },
  resume: {
    summary: 'continue what was interrupted or paused',
    examples: [
      ['heddle resume', 'the latest that is not over'],
      ['heddle resume r-01hf3k', 'this one'],
    ],
  },
  retry: {
    summary: 'run failed and cancelled jobs again',
    examples: [['heddle retry r-01hf3k --set memory=8GiB', '']],
  },
  runs: {
    summary: 'list the runs of this store',
    examples: [
      ['heddle runs', ''],
      ['heddle runs melting', 'the runs of an experiment'],
    ],
  },
  show: {
    summary: 'how a run, a job or an experiment stands',
    examples: [
      ['heddle show', 'the latest run'],
      ['heddle show /simulate-1', 'a job of it'],
      ['heddle show melting --best energy', 'the best point of an experiment'],
    ],
  },
  logs: {
    summary: 'what jobs wrote',
    examples: [['heddle logs -f /simulate-1', 'of the latest run, as it comes']],
  },
  why: {
    summary: 'why a job waits, failed or ran',
    examples: [
      ['heddle why r-01hf3k/simulate-1', ''],
      ['heddle why /simulate-1', 'of the latest run'],
    ],
  },
  cancel: {
    summary: 'end a run, or a job and what needs its value',
    examples: [
      ['heddle cancel r-01hf3k', ''],
      ['heddle cancel r-01hf3k/simulate-1', ''],
    ],
  },
  pause: {
    summary: 'start nothing more of a run',
    examples: [['heddle pause r-01hf3k', 'heddle resume r-01hf3k goes on']],
  },
  hold: { summary: 'keep a job from starting', examples: [['heddle hold r-01hf3k/simulate-1', '']] },
  release: { summary: 'let a held job start', examples: [['heddle release r-01hf3k/simulate-1', '']] },
  graph: {
    summary: 'the graph of a workflow or of a run',
    examples: [['heddle graph melt.ts --format svg -o melt.svg', '']],
  },
  simulate: {
    summary: 'how long it would take, in virtual time',
    examples: [['heddle simulate trace.json --cores 8 --cores 64', '']],
  },
  report: {
    summary: 'what a run did, as one HTML page',
    examples: [['heddle report -o report.html', '']],
  },
  export: {
    summary: 'the record of a run for other tools',
    examples: [
      ['heddle export --to csv -o jobs.csv', ''],
      ['heddle export --to rocrate -o crate', ''],
    ],
  },
  schema: {
    summary: 'the JSON Schema of workflows in YAML',
    examples: [['heddle schema > workflow.schema.json', '']],
  },
  exec: { summary: 'machinery: make the call in a file', examples: [] },
  lane: { summary: 'machinery: make calls for an engine', examples: [] },
  agent: { summary: 'machinery: do work in an allocation', examples: [] },
  clean: {
    summary: 'remove finished runs that are old',
    examples: [['heddle clean --older-than 7d --dry-run', 'what would go']],
  },
  doctor: {
    summary: 'is everything well here',
    examples: [
      ['heddle doctor', ''],
      ['heddle doctor cluster', 'connects to one target and looks around there'],
    ],
  },
};

/** How the list of commands is written: without what every command has. */
export function dressProgram(program: Command): Command {
  return program
    .usage('COMMAND [options]')
    .configureHelp({
      subcommandTerm: (command) =>
        [
          command.name(),
          ...command.registeredArguments.map((each) =>
            each.required ? `<${each.name()}>` : `[${each.name()}${each.variadic ? '...' : ''}]`,
          ),
        ].join(' '),
    })
    .addHelpText('after', '\nheddle COMMAND --help says more of one.');
}

/** Gives a command its line in the list, and examples behind its options. */
export function dressCommand(command: Command): Command {
  const help = HELP[command.name()];
  if (help === undefined) return command;
  const width = Math.max(0, ...help.examples.map(([line, does]) => (does === '' ? 0 : line.length)));
  const lines = help.examples.map(([line, does]) => (does === '' ? `  ${line}` : `  ${line.padEnd(width)}  ${does}`));
  return command
    .summary(help.summary)
    .addHelpText(
      'after',
      lines.length === 0 ? '' : `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.join('\n')}`,
    )
    .addHelpText('after', '\nEvery command takes --store <dir>, --json and --debug.')
    .showHelpAfterError(`  heddle ${command.name()} --help says what it takes`);
}
