/**
 * The files a launcher writes into an attempt's directory, and those it reads there.
 * `claim` is taken exclusively before a start; `fenced` forbids start and publication.
 */
export const CLAIM_FILE = 'claim';
export const FENCED_FILE = 'fenced';
export const EXIT_FILE = 'exit.json';
export const STDOUT_FILE = 'stdout';
export const STDERR_FILE = 'stderr';
export const COMMAND_FILE = 'command.sh';
