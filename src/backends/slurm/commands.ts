import { quoteWord } from '../../model/index.ts';
import type { SlurmOptions } from './options.ts';
import { HISTORY_QUERY, RECORDS_FOLLOW } from './accounting.ts';
import { QUEUE_QUERY } from './queue.ts';

/**
 * Shell text before each of ours. `slurm COMMAND...` runs a command of Slurm's with nothing of the environment but what leads
 * to the cluster: SBATCH_*, SQUEUE_* and SLURM_* of a shell, or of a job we run in, would say otherwise than we do, and
 * everything else would reach the jobs. Those find Slurm's own commands, wherever they are.
 */
function prelude({ bin, setup }: SlurmOptions): string {
  const before = setup === undefined ? '' : `{ ${setup}\n} >&2\n`;
  return `${before}${bin === undefined ? '' : `PATH=${quoteWord(bin)}:$PATH\n`}slurm() {
tool=$(command -v "$1") || { echo "heddle: there is no $1 in PATH ($PATH)" >&2; return 127; }
shift
at=\${tool%/*}
case $at in /usr/local/bin|/usr/bin|/bin) at=;; *) at=:$at;; esac
env -i PATH="/usr/local/bin:/usr/bin:/bin$at" HOME="\${HOME:-/}" SHELL="\${SHELL:-/bin/sh}" \\
\${USER+"USER=$USER"} \${LOGNAME+"LOGNAME=$LOGNAME"} \${SLURM_CONF+"SLURM_CONF=$SLURM_CONF"} \\
\${SLURM_CLUSTERS+"SLURM_CLUSTERS=$SLURM_CLUSTERS"} \${SLURM_JWT+"SLURM_JWT=$SLURM_JWT"} \\
\${SLURM_BITSTR_LEN+"SLURM_BITSTR_LEN=$SLURM_BITSTR_LEN"} "$tool" "$@"
}
`;
}

/** Shell text that asks for everything of the user it runs as. */
export function queueCommand(options: SlurmOptions): string {
  return `${prelude(options)}SLURM_BITSTR_LEN=0\nslurm ${QUEUE_QUERY.map(quoteWord).join(' ')} --user="$(id -un)"\n`;
}

/** Shell text that runs one command of Slurm's. */
export function slurmCommand(options: SlurmOptions, ...words: readonly string[]): string {
  return `${prelude(options)}slurm ${words.map(quoteWord).join(' ')}\n`;
}

/** Shell text that runs a command of Slurm's on many ids, as many at a time as a command line surely holds. */
export function slurmCommandOf(
  options: SlurmOptions,
  words: readonly string[],
  join: { readonly ids: readonly string[]; readonly separator: ' ' | ',' },
): string {
  const lines: string[] = [];
  for (let at = 0; at < join.ids.length; at += IDS_AT_A_TIME) {
    const ids = join.ids.slice(at, at + IDS_AT_A_TIME).map(quoteWord);
    lines.push(`slurm ${words.map(quoteWord).join(' ')} ${ids.join(join.separator)} || code=$?\n`);
  }
  return `${prelude(options)}code=0\n${lines.join('')}exit $code\n`;
}

/** About 20 characters an id; POSIX promises 4 KiB of arguments, every system Slurm runs on has 128 KiB. */
const IDS_AT_A_TIME = 1000;

/**
 * Shell text that asks accounting for jobs; where it doesn't answer, or there is none, the controller's records of each, which
 * the rest of the answer then is.
 */
export function historyCommand(options: SlurmOptions, ids: readonly string[]): string {
  const words = ids.map(quoteWord);
  const accounting = `slurm ${HISTORY_QUERY.map(quoteWord).join(' ')} ${words.join(',')} 2>/dev/null && exit 0\n`;
  return `${prelude(options)}${options.accounting === false ? '' : accounting}echo '${RECORDS_FOLLOW}'
for id in ${words.join(' ')}; do slurm scontrol -o show job "$id"; done
exit 0
`;
}

/** Several commands in turn; what each says is parted by `--- NAME CODE`. */
export function slurmCommands(options: SlurmOptions, commands: Readonly<Record<string, readonly string[]>>): string {
  const parts = Object.entries(commands).map(
    ([name, words]) => `slurm ${words.map(quoteWord).join(' ')} 2>&1; echo "--- ${name} $?"\n`,
  );
  return `${prelude(options)}${parts.join('')}`;
}
