import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunAnswer } from '../../../src/backends/transport/index.ts';
import { childrenOf, listProcesses } from '../../../src/process/index.ts';

/** The hosts that `components/sshd.sh` started, and what a test does to them. */
export class SshHosts {
  readonly config: string;
  readonly port: string;
  /** A directory there with room for 1 MB; undefined where there can be none. */
  readonly small: string | undefined;
  readonly #lab: string;

  constructor(env: Readonly<Record<string, string>>) {
    this.config = env['SSHD_CONFIG'] ?? '';
    this.port = env['SSHD_PORT'] ?? '';
    this.small = env['SSHD_SMALL'] === '' ? undefined : env['SSHD_SMALL'];
    this.#lab = env['SSHD_LAB'] ?? '';
  }

  path(...parts: readonly string[]): string {
    return join(this.#lab, ...parts);
  }

  /** Pid of the server. */
  listener(host: string): number {
    return Number(readFileSync(this.path(host, 'pid'), 'utf8'));
  }

  /** How many connections logged in there so far. */
  logins(host: string): number {
    return readFileSync(this.path(host, 'log'), 'utf8').split('Accepted publickey').length - 1;
  }

  /** Both processes of every connection there: root's and its user's. */
  connections(host: string): readonly number[] {
    const monitors = childrenOf(this.listener(host));
    return monitors.flatMap((pid) => [pid, ...childrenOf(pid)]);
  }

  /** Cuts every connection there, as a network does: nobody says goodbye. */
  drop(host: string): void {
    for (const pid of this.connections(host)) process.kill(pid, 'SIGKILL');
  }
}

/** Pids of ssh programs that are ours. */
export function ownSshProcesses(): readonly number[] {
  return childrenOf(process.pid).filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'ssh\n');
}

/** Command lines of all ssh programs that run. */
export function sshCommandLines(): readonly string[] {
  return listProcesses().flatMap(({ pid }) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return line.startsWith('ssh ') ? [line] : [];
    } catch {
      return [];
    }
  });
}

/** The text an answer holds; anything but an end fails the test with what it was. */
export function textOf(answer: RunAnswer): string {
  if (answer.kind !== 'ended' || answer.code !== 0) throw new Error(`no success: ${JSON.stringify(answer)}`);
  return Buffer.from(answer.stdout).toString('utf8');
}

/** Types a command line, as its user would, but without a terminal: what it asks is answered by a program. */
export async function typeLine(line: string, environment: Readonly<Record<string, string>> = {}): Promise<void> {
  const child = spawn('/bin/sh', ['-c', line], {
    detached: true,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${line}: ${Buffer.concat(said).toString('utf8')}`);
}

export async function makeKey(path: string, passphrase: string): Promise<void> {
  await typeLine(`ssh-keygen -q -t ed25519 -N '${passphrase}' -f '${path}'`);
}
