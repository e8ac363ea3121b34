/**
 * Node's flags about one process alone: what it runs, and how it is watched. A worker has a script of its own: these would
 * end it, make it run our program's text again, or have it ask for our debugger's port.
 */
const OWN =
  /^--(?:eval|print|check|interactive|version|help|v8-options|run|completion-bash|input-type|entry-url|title|inspect|debug-port|watch|test|experimental-test|prof|cpu-prof|heap-prof|heapsnapshot|report|trace-event|redirect-warnings|build-s|experimental-sea-config|experimental-config-file|experimental-default-config-file|env-file|localstorage-file)|^-(?:[ehipcv]|pe)$/;

/** What decides how modules are found and read: the only flags that any thread may be given. */
const LOADING =
  /^--(?:import|require|loader|experimental-loader|conditions|preserve-symlinks|enable-source-maps|no-warnings|disable-warning|experimental-(?:transform-types|vm-modules|wasm-modules|import-meta-resolve|addon-modules))(?:=|$)|^-[rC]$/;

/** What has made this program a text, or what came by standard input. */
const TEXT = /^--(?:eval|print|input-type)(?:=|$)|^-(?:e|p|pe)$/;

/** How this process was started: what its environment says comes first, as it does for Node. */
export interface OwnFlags {
  readonly execArgv: readonly string[];
  readonly nodeOptions: string;
}

/**
 * The flags a child process has from us. As `fork` hands on all of them: whoever runs with `--import` needs it there too.
 * Those of `NODE_OPTIONS` come along, since that variable does not.
 */
export function childFlags({ execArgv, nodeOptions }: OwnFlags = ownFlags()): readonly string[] {
  return keep([...wordsOf(nodeOptions), ...execArgv], (flag) => !OWN.test(flag));
}

/**
 * The flags a thread is started with. Undefined where it is Node that hands ours on, which is left alone: it can hand on
 * more than may be asked for. But of a program that is a text it hands on what no module can be loaded with.
 */
export function threadFlags({ execArgv, nodeOptions }: OwnFlags = ownFlags()): readonly string[] | undefined {
  const inherited = wordsOf(nodeOptions);
  const isNodes = inherited.length === 0 && !execArgv.some((flag) => TEXT.test(flag));
  return isNodes ? undefined : keep([...inherited, ...execArgv], (flag) => LOADING.test(flag));
}

function ownFlags(): OwnFlags {
  return { execArgv: process.execArgv, nodeOptions: process.env['NODE_OPTIONS'] ?? '' };
}

function keep(flags: readonly string[], isWanted: (flag: string) => boolean): readonly string[] {
  let isKept = false;
  return flags.filter((flag) => {
    // What does not begin with a dash is the value of the flag before it.
    if (flag.startsWith('-')) isKept = isWanted(flag.replaceAll('_', '-'));
    return isKept;
  });
}

/** Words of `NODE_OPTIONS`, as Node reads them: by blanks, unless within double quotes, where `\` takes the next as it is. */
function wordsOf(options: string): readonly string[] {
  return [...options.matchAll(/(?:"(?:\\.|[^"\\])*"|[^\s"])+/g)].map(([word]) =>
    word.replaceAll(/"((?:\\.|[^"\\])*)"/g, (_, quoted: string) => quoted.replaceAll(/\\(.)/g, '$1')),
  );
}
