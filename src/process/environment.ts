/** Variables a job sees of ours; everything else it must declare. `LC_*` come too. */
const ALLOWED = new Set(['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LANGUAGE', 'TZ', 'SHELL', 'TMPDIR']);

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The small environment every command starts from: what a program needs to find its tools and its user's ways. */
export function baseEnvironment(from: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const environment: Record<string, string> = { PATH: DEFAULT_PATH };
  for (const [name, value] of Object.entries(from)) {
    if (value === undefined || value === '') continue;
    if (ALLOWED.has(name) || name.startsWith('LC_')) environment[name] = value;
  }
  // A directory that comes twice is searched twice for every program of every job.
  environment['PATH'] = [...new Set((environment['PATH'] ?? '').split(':'))].join(':');
  return environment;
}

/** Says whether a name can be a shell's variable. */
export function isVariableName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}
