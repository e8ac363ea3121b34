import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, quoteWord } from '../../model/index.ts';
import { runCommand } from '../../process/index.ts';
import { type ByHand, NO_MASTER } from './ssh-diagnosis.ts';

/** How to reach a host through the user's own OpenSSH. */
export interface SshOptions {
  /** A destination for ssh: a name of the user's configuration, `user@host`, `ssh://host:port`. */
  readonly host: string;
  readonly clock: Clock;
  /** Path of a configuration to be read in place of the user's. */
  readonly config?: string;
  /** Files here are files there, at the same paths: a home directory or a scratch disk of both. @default false */
  readonly sharesFiles?: boolean;
  /** @default 'ssh' */
  readonly program?: string;
  /** To connect and log in, and for how long a peer may say nothing. @default 30000 */
  readonly connectTimeoutMs?: number;
  /** Where a directory for sockets is made, private to its user. Its path must be short. @default the system's temporary one */
  readonly controlDirectory?: string;
}

/** Longest path a socket may have, less what ssh puts behind it while it makes one (17), and less our own names. */
const SOCKET_DIRECTORY_BYTES = 104 - 17 - 8;
const PREFIX = 'heddle-ssh-';
const MKDTEMP_BYTES = `/${PREFIX}XXXXXX`.length;
const LEFT_BEHIND_MS = 60 * 60_000;
const CHECK_TIMEOUT_MS = 2000;

/** The command lines of one host. */
export class SshCommand {
  readonly #options: SshOptions;
  #directory: string | undefined;
  #isClosed = false;
  #usersPath: Promise<UsersPath | undefined> | undefined;

  constructor(options: SshOptions) {
    this.#options = options;
  }

  get connectTimeoutMs(): number {
    return this.#options.connectTimeoutMs ?? 30_000;
  }

  /** Ends the master that a login by hand left, and removes the directory of sockets. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#directory === undefined) return;
    if (existsSync(this.loginPath)) await this.#control('exit', this.loginPath);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Where a person's login by hand leaves its socket. */
  get loginPath(): string {
    return join(this.#open(), 'login');
  }

  /** A path for the socket of a master. */
  masterPath(index: number): string {
    return join(this.#open(), `m${index}`);
  }

  /** Becomes a master: logs in, listens on the socket, and lives as long as the shell behind it. */
  master(path: string): readonly string[] {
    return this.#line('-o', 'ControlMaster=yes', '-o', 'ControlPersist=no', '-S', path);
  }

  /**
   * A session of the master that listens on the socket. Where none does, ssh would log in anew: the proxy says so in
   * place of that, and nothing has begun.
   */
  session(path: string): readonly string[] {
    const proxy = `ProxyCommand=/bin/sh -c 'echo ${NO_MASTER} >&2'`;
    return this.#line('-o', 'ControlMaster=no', '-S', path, '-o', proxy);
  }

  /** A connection of its own. */
  direct(): readonly string[] {
    return this.#line('-o', 'ControlMaster=no', '-o', 'ControlPath=none');
  }

  /** Says whether a master answers on the socket. */
  async isMaster(path: string): Promise<boolean> {
    return await this.#control('check', path);
  }

  /** Where the user's own configuration has masters of this host listen; asked once. */
  async usersPath(): Promise<string | undefined> {
    this.#usersPath ??= this.#askUsersPath();
    return (await this.#usersPath)?.path;
  }

  /** What a person types. */
  async byHand(): Promise<ByHand> {
    await this.usersPath();
    const users = await this.#usersPath;
    const { config, program = 'ssh', host } = this.#options;
    const ssh = `${quoteIfNeeded(program)}${config === undefined ? '' : ` -F ${quoteIfNeeded(config)}`}`;
    const to = quoteIfNeeded(host);
    const login =
      users === undefined
        ? `${ssh} -fNM -o ServerAliveInterval=15 -S ${quoteIfNeeded(this.loginPath)} ${to}`
        : `${ssh} ${users.isMade ? '' : '-fNM '}${to}`;
    return { login, accept: `${ssh} -o StrictHostKeyChecking=ask ${to}` };
  }

  #line(...how: readonly string[]): readonly string[] {
    const { config, program = 'ssh', host } = this.#options;
    // Three questions without an answer: the peer is gone.
    const aliveS = Math.max(1, Math.ceil(this.connectTimeoutMs / 3000));
    const connectS = Math.max(1, Math.ceil(this.connectTimeoutMs / 1000));
    const settings = [
      'BatchMode=yes',
      'LogLevel=INFO',
      'RemoteCommand=none',
      'RequestTTY=no',
      'ClearAllForwardings=yes',
      `ConnectTimeout=${connectS}`,
      `ServerAliveInterval=${aliveS}`,
      'ServerAliveCountMax=3',
    ];
    const given = config === undefined ? [] : ['-F', config];
    return [program, ...given, '-T', '-x', ...how, ...settings.flatMap((setting) => ['-o', setting]), '--', host];
  }

  async #control(verb: 'check' | 'exit', path: string): Promise<boolean> {
    const { config, program = 'ssh', host, clock } = this.#options;
    const given = config === undefined ? [] : ['-F', config];
    try {
      const argv = [program, ...given, '-O', verb, '-S', path, '--', host];
      await runCommand(argv, { clock, timeoutMs: CHECK_TIMEOUT_MS, graceMs: 0 });
      return true;
    } catch {
      return false;
    }
  }

  async #askUsersPath(): Promise<UsersPath | undefined> {
    const { config, program = 'ssh', host, clock } = this.#options;
    const given = config === undefined ? [] : ['-F', config];
    try {
      const { stdout } = await runCommand([program, ...given, '-G', '--', host], { clock, timeoutMs: 10_000 });
      const path = /^controlpath (.+)$/m.exec(stdout)?.[1];
      const isMade = /^controlmaster (yes|true|auto|ask|autoask)$/m.test(stdout);
      return path === undefined || path === 'none' ? undefined : { path, isMade };
    } catch {
      // What is wrong with the configuration is told when it is used.
      return undefined;
    }
  }

  #open(): string {
    // Temporary directories are tidied up now and then.
    if (this.#isClosed) return this.#directory ?? '';
    if (this.#directory === undefined || !existsSync(this.#directory)) {
      this.#directory = makeDirectory(this.#options.controlDirectory, this.#options.clock.now().wall);
    }
    return this.#directory;
  }
}

interface UsersPath {
  readonly path: string;
  /** `ssh host` leaves a master there. */
  readonly isMade: boolean;
}

function makeDirectory(wanted: string | undefined, now: number): string {
  if (wanted !== undefined) mkdirSync(wanted, { recursive: true, mode: 0o700 });
  const fits = (directory: string): boolean => Buffer.byteLength(directory) + MKDTEMP_BYTES <= SOCKET_DIRECTORY_BYTES;
  const base = [wanted, tmpdir()].find((directory) => directory !== undefined && fits(directory)) ?? '/tmp';
  sweep(base, now);
  return mkdtempSync(join(base, PREFIX));
}

/** Removes the directories of processes that were killed: their masters ended with them and took their sockets away. */
function sweep(base: string, now: number): void {
  for (const name of readdirSync(base)) {
    if (!name.startsWith(PREFIX)) continue;
    const directory = join(base, name);
    try {
      // One that is in use is not empty, but for the moment before its first socket.
      if (now - statSync(directory).mtimeMs > LEFT_BEHIND_MS) rmdirSync(directory);
    } catch {
      // It is in use, or somebody else's.
    }
  }
}

function quoteIfNeeded(word: string): string {
  return /^[\w@%+=:,./[\]-]+$/.test(word) && !/[[\]]/.test(word) ? word : quoteWord(word);
}
