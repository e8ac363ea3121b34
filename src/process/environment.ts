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

/** Variables by which runtimes find their daemon, their settings and their images. None of them holds a secret. */
const FOR_RUNTIMES: readonly string[] = [
  'CONTAINERS_CONF',
  'CONTAINERS_CONF_OVERRIDE',
  'CONTAINERS_STORAGE_CONF',
  'CONTAINERS_REGISTRIES_CONF',
  'CONTAINER_HOST',
  'REGISTRY_AUTH_FILE',
  'DOCKER_HOST',
  'DOCKER_CONFIG',
  'DOCKER_CONTEXT',
  'DOCKER_CERT_PATH',
  'DOCKER_TLS_VERIFY',
  'XDG_RUNTIME_DIR',
  'XDG_CONFIG_HOME',
  'XDG_DATA_HOME',
  'DBUS_SESSION_BUS_ADDRESS',
  'APPTAINER_CACHEDIR',
  'APPTAINER_TMPDIR',
  'SINGULARITY_CACHEDIR',
  'SINGULARITY_TMPDIR',
  'CH_IMAGE_STORAGE',
];

/** Those of an environment that runtimes on this machine need: commands do not see them otherwise. */
export function runtimeEnvironment(from: NodeJS.ProcessEnv = process.env): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of FOR_RUNTIMES) {
    const value = from[name];
    if (value !== undefined && value !== '') found[name] = value;
  }
  return found;
}
