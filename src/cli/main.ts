import { Command, CommanderError, Option } from 'commander';
import { type Output, openOutput } from './output.ts';
import { parseNumber } from './flags.ts';
import { dressCommand, dressProgram } from './help.ts';
import { endReading } from './read-leases.ts';
import { packageVersion } from './package-version.ts';
import { reportError } from './report-error.ts';

/** What every command is given beside its own arguments. */
export interface Context {
  readonly output: Output;
  /** The store's directory as it was asked for; absent: `HEDDLE_STORE`, else `.heddle`. */
  readonly store?: string;
  /** The profile of the configuration that was asked for; absent: `HEDDLE_PROFILE`, else what the configuration says. */
  readonly profile?: string;
  readonly json: boolean;
}

/**
 * The `heddle` command: reads the arguments (without node and the script), does what they say and ends the process
 * with the exit code of it.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const output = openOutput();
  const exit = { code: 0 };
  const program = buildProgram(output, (code) => {
    exit.code = code;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) exit.code = error.exitCode === 0 ? 0 : 2;
    else exit.code = reportError(error, { output, debug: argv.includes('--debug') });
  }
  // What a user's module left open (a timer, a connection) is no reason to stay.
  process.exit(exit.code);
}

type Flags = Readonly<Record<string, unknown>>;
/** Each command's code is loaded when it is called for, so that starting costs little more than Node itself. */
type Action = (context: Context, args: readonly string[], flags: Flags) => Promise<number>;

/** How a command is declared: name with arguments, one line of help, and what it does. */
interface Declared {
  readonly usage: string;
  readonly help: string;
  readonly action: () => Promise<Action>;
  readonly options?: readonly Option[];
}

const option = (flags: string, help: string): Option => new Option(flags, help);
const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];

const parameterOption = (): Option =>
  option('-p, --param <key=value>', 'a parameter of the workflow, JSON or text; may be repeated').argParser(collect);
const jobsOption = (): Option =>
  option('-j, --jobs <n>', 'attempts at a time; the default is what the machine has').argParser(
    parseNumber('--jobs', { min: 1, integer: true }),
  );
const resourceOptions = (): readonly Option[] => [
  option('--cpus <n>', 'take so many cpus at most, over all backends').argParser(parseNumber('--cpus', { min: 0 })),
  option('--memory <size>', 'take so much memory at most, over all backends: 64GiB'),
  option('--gpus <n>', 'this machine has so many devices; without it, those its driver names').argParser(
    parseNumber('--gpus', { min: 0, integer: true }),
  ),
  option('--tokens <name=n>', 'so many tokens of a name (licences) are there; may be repeated').argParser(collect),
  option('--strategy <word>', 'who is given what is free').choices(['priority', 'fair', 'demand']),
];
const traceOptions = (): readonly Option[] => [
  option('--time-scale <x>', 'of a trace: its recorded times, times x')
    .argParser(parseNumber('--time-scale', { min: 0 }))
    .default(1),
  option('--data-scale <x>', 'of a trace: its recorded file sizes, times x')
    .argParser(parseNumber('--data-scale', { min: 0 }))
    .default(0),
];
const cacheOption = (): Option =>
  option('--cache <word>', 'take earlier results of all tasks, or of none; without it, as each task says').choices([
    'on',
    'off',
  ]);
const acceptCode = (): Option => option('--accept-code', "go on though the workflow's code has changed");
const observerOptions = (): readonly Option[] => [
  option(
    '--notify <target>',
    'tell of the end and of the first failure: an https:// address, or command: and a shell line',
  ).argParser(collect),
  option('--no-monitor', 'do not measure what attempts use'),
];
const durability = (): Option =>
  option('--durability <word>', 'what survives: a killed process, or power loss too')
    .choices(['normal', 'full'])
    .default('normal');

const containerOption = (): Option =>
  option('--container <image>', 'what commands run in that do not say so themselves');

const COMMANDS: readonly Declared[] = [
  {
    usage: 'run <file>',
    help: 'run a workflow or an experiment: a TypeScript or JavaScript module, YAML, or a WfFormat trace',
    action: async () => (await import('./commands/run.ts')).run,
    options: [
      parameterOption(),
      option('--backend <name>', 'where tasks run that name no backend themselves'),
      containerOption(),
      jobsOption(),
      ...resourceOptions(),
      option('--name <name>', 'what to call the run'),
      option('--on-failure <policy>', 'what becomes of the rest when a job fails')
        .choices(['continue', 'stop', 'abort'])
        .default('continue'),
      cacheOption(),
      option('--retry-failed', 'of an experiment: run again the points that failed or were cancelled'),
      option('--rerun', 'of an experiment: run all points anew, also those that are done'),
      acceptCode(),
      ...traceOptions(),
      ...observerOptions(),
      durability(),
    ],
  },
  {
    usage: 'plan <file>',
    help: 'what would run and what an earlier result stands for, and why; starts nothing',
    action: async () => (await import('./commands/plan.ts')).plan,
    options: [
      parameterOption(),
      containerOption(),
      cacheOption(),
      option('--retry-failed', 'of an experiment: as heddle run would with it'),
      option('--rerun', 'of an experiment: as heddle run would with it'),
      option(
        '--scripts',
        'the scripts that a batch system would be given instead, one a kind of task; connects to nothing',
      ),
      option('--backend <name>', 'with --scripts: the target, as heddle run would be told'),
      option('--detail', 'of an experiment: with what becomes of each job of the points that run'),
      ...traceOptions(),
    ],
  },
  {
    usage: 'accept <target> [jobs...]',
    help: 'let earlier results stand after a change without effect: of a FILE [JOB...], or of RUN/JOB',
    action: async () => (await import('./commands/accept.ts')).accept,
    options: [parameterOption()],
  },
  {
    usage: 'resume [run]',
    help: 'continue what was interrupted or paused; the latest such run by default',
    action: async () => (await import('./commands/resume.ts')).resume,
    options: [jobsOption(), ...resourceOptions(), acceptCode(), ...observerOptions(), durability()],
  },
  {
    usage: 'retry <run>',
    help: 'run the failed and cancelled jobs of a finished run again, in the same run',
    action: async () => (await import('./commands/retry.ts')).retry,
    options: [
      option('--set <key=value>', 'change what they ask for: cpus, memory, gpus, time; may be repeated').argParser(
        collect,
      ),
      jobsOption(),
      acceptCode(),
      ...observerOptions(),
      durability(),
    ],
  },
  {
    usage: 'runs [experiment]',
    help: 'the runs of this store, newest first; an experiment is one line, with its name each of its runs',
    action: async () => (await import('./commands/runs.ts')).runs,
  },
  {
    usage: 'show [run]',
    help: 'a run, with RUN/JOB one job of it, or an experiment by its name; the latest run by default',
    action: async () => (await import('./commands/show.ts')).show,
    options: [
      option('-a, --all', 'every job'),
      option('--csv', 'of an experiment: its table as comma-separated values'),
      option('--best [column]', 'of an experiment: the point that is best in a column, or in its metric'),
      option('--max', 'with --best: the largest is best'),
    ],
  },
  {
    usage: 'logs [run]',
    help: 'what the jobs of a run wrote, or with RUN/JOB one of them; the latest run by default',
    action: async () => (await import('./commands/logs.ts')).logs,
    options: [
      option('-f, --follow', 'go on until it ends'),
      option('--stderr', 'only what went to stderr'),
      option('--stdout', 'only what went to stdout'),
    ],
  },
  {
    usage: 'why <run/job>',
    help: 'why a job waits, failed or was cancelled',
    action: async () => (await import('./commands/why.ts')).why,
  },
  {
    usage: 'cancel <run>',
    help: 'cancel a run, or with RUN/JOB one job of it and what needs its value',
    action: async () => (await import('./commands/steer.ts')).cancel,
  },
  {
    usage: 'pause <run>',
    help: 'start nothing more of a run; what runs goes on. resume continues it',
    action: async () => (await import('./commands/steer.ts')).pause,
  },
  {
    usage: 'hold <run/job>',
    help: 'keep a job from starting',
    action: async () => (await import('./commands/steer.ts')).hold,
  },
  {
    usage: 'release <run/job>',
    help: 'let a held job start',
    action: async () => (await import('./commands/steer.ts')).release,
  },
  {
    usage: 'graph <file|run>',
    help: 'the graph of a workflow or of a run',
    action: async () => (await import('./commands/graph.ts')).graph,
    options: [
      option('--format <format>', 'how to write it').choices(['text', 'dot', 'mermaid', 'svg', 'json']),
      option('-o, --output <file>', 'write it to a file'),
      parameterOption(),
      ...traceOptions(),
    ],
  },
  {
    usage: 'simulate <file>',
    help: 'run a workflow in virtual time: makespan, utilisation, critical path',
    action: async () => (await import('./commands/simulate.ts')).simulate,
    options: [
      option('--cores <n>', 'of the simulated machine; may be repeated')
        .argParser((text: string, earlier: readonly number[] = []) => [
          ...earlier,
          parseNumber('--cores', { min: 1, integer: true })(text),
        ])
        .makeOptionMandatory(),
      parameterOption(),
      ...traceOptions(),
    ],
  },
  {
    usage: 'report [run]',
    help: 'what a run did, as one HTML page: timeline, graph, resources, jobs; of the latest run by default',
    action: async () => (await import('./commands/report.ts')).report,
    options: [option('-o, --output <file>', 'write it to a file')],
  },
  {
    usage: 'export [run]',
    help: "a run's record in another format; the latest run by default",
    action: async () => (await import('./commands/export.ts')).exportRun,
    options: [
      option('--to <format>', 'which').choices(['rocrate', 'wfformat', 'csv', 'json']).makeOptionMandatory(),
      option('-o, --output <path>', 'write it to a file; of rocrate, a folder with the files in it'),
      option('--files <which>', 'of rocrate: which files the folder holds')
        .choices(['none', 'results', 'all'])
        .default('results'),
      option('--license <license>', 'of rocrate: an SPDX id or an address'),
      option('--agent <who>', 'of rocrate: who ran it, an ORCID or a name'),
    ],
  },
  {
    usage: 'schema',
    help: 'the JSON Schema of workflows in YAML, for editors',
    action: async () => (await import('./commands/schema.ts')).schema,
  },
  {
    usage: 'exec <call> <result> [project]',
    help: 'make the call that stands in a file, and write what became of it to another',
    action: async () => (await import('./commands/exec.ts')).exec,
  },
  {
    usage: 'lane',
    help: 'make calls for an engine that started this: frames in by stdin, out by stdout',
    action: async () => (await import('./commands/lane.ts')).lane,
    options: [
      option('--in <fd>', 'read frames from this descriptor'),
      option('--out <fd>', 'write frames to this descriptor; stdout stays what it is'),
      option('--watch <fd>', 'a socket to the engine: calls are taken back by it, and its end is the end of all'),
    ],
  },
  {
    usage: 'agent <directory>',
    help: 'do work in an allocation, for the engine that asked for it',
    action: async () => (await import('./commands/agent.ts')).agent as unknown as Action,
    options: [
      option('--slots <n>', 'cpus that attempts take')
        .argParser(parseNumber('--slots', { min: 1, integer: true }))
        .default(1),
      option('--time-ms <n>', 'how long the allocation lasts').argParser(parseNumber('--time-ms', { min: 1 })),
      option('--idle-ms <n>', 'leave after so long without work').argParser(parseNumber('--idle-ms', { min: 1 })),
      option('--in-store <dir>', "the engine's store"),
      option('--project <dir>', 'where relative paths start'),
    ],
  },
  {
    usage: 'clean',
    help: 'remove finished runs that are older than 30 days and not among the newest 50, or only their logs',
    action: async () => (await import('./commands/clean.ts')).clean,
    options: [
      option('--dry-run', 'say what would go, and remove nothing'),
      option('--older-than <span>', 'runs that ended longer ago (30d)'),
      option('--keep <count>', 'keep the newest runs, however old (50)'),
      option('--logs', 'only logs and files that no result names; records and results stay'),
    ],
  },
  {
    usage: 'doctor [targets...]',
    help: 'is everything well here, and on each target: Node, machine, store, owners, stuck jobs',
    action: async () => (await import('./commands/doctor.ts')).doctor,
    options: [option('--install', 'put Node on targets that have none for functions')],
  },
];

function buildProgram(output: Output, exitWith: (code: number) => void): Command {
  const program = new Command('heddle')
    .description('Runs computational work: described once, run anywhere, durably.')
    .version(packageVersion(), '-V, --version')
    .option('--store <dir>', 'where state is kept (HEDDLE_STORE; default .heddle)')
    .option('--profile <name>', 'a profile of heddle.config.ts (HEDDLE_PROFILE)')
    .option('--json', 'answer in JSON')
    .option('--debug', 'with errors, say where in the program they came from')
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      outputError: (text, write) =>
        write(text.replace(/^error: /, 'heddle: ').replace(/^\(Did you mean (.*)\?\)$/m, "  did you mean '$1'?")),
    });
  dressProgram(program);
  for (const declared of COMMANDS) declare(program, declared, { output, exitWith });
  return program;
}

interface Ending {
  readonly output: Output;
  readonly exitWith: (code: number) => void;
}

function declare(program: Command, declared: Declared, { output, exitWith }: Ending): void {
  const command = dressCommand(program.command(declared.usage).description(declared.help));
  for (const each of declared.options ?? []) command.addOption(each);
  // Known to every command, so that they may stand behind its name too.
  for (const [flags, help] of [
    ['--store <dir>', 'where state is kept (HEDDLE_STORE; default .heddle)'],
    ['--profile <name>', 'a profile of heddle.config.ts (HEDDLE_PROFILE)'],
    ['--json', 'answer in JSON'],
    ['--debug', 'with errors, say where in the program they came from'],
  ] as const) {
    command.addOption(option(flags, help).hideHelp());
  }
  command.action(async () => {
    const flags: Flags = { ...program.opts<Flags>(), ...command.opts<Flags>() };
    const { store, profile } = flags;
    const context: Context = {
      output,
      json: flags['json'] === true,
      ...(typeof store === 'string' ? { store } : {}),
      ...(typeof profile === 'string' ? { profile } : {}),
    };
    const action = await declared.action();
    try {
      exitWith(await action(context, command.args, flags));
    } finally {
      endReading();
    }
  });
}
