import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { giveBack, ownFolder } from '../../own-folder.ts';

const PROJECT = join(import.meta.dirname, '..', '..', '..');
const BIN = join(PROJECT, 'bin', 'heddle.cjs');

/** How a command ended and what it wrote. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Shell text for the process that then becomes `heddle`: limits, say. */
  readonly before?: string;
}

/** A `heddle` that is at work. */
export interface Started {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when what it has said on a stream holds a match; rejects when it ends before. */
  said(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray>;
}

/**
 * A folder of its own, as a user's, with the real command in it. Disposing it kills each `heddle` that still runs; a
 * command of theirs that goes on without an end is an error.
 */
export class Sandbox implements AsyncDisposable {
  readonly folder: string = ownFolder('cli');
  readonly bin: string = BIN;
  readonly #started = new Set<ChildProcess>();

  /** Writes a file below the folder and gives its path. */
  write(name: string, text: string): string {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** Removes a file of the folder. */
  remove(name: string): void {
    rmSync(join(this.folder, basename(name)));
  }

  start(args: readonly string[], options: StartOptions = {}): Started {
    const words = [process.execPath, BIN, ...args];
    const [file = '', ...rest] =
      options.before === undefined ? words : ['bash', '-c', `${options.before}\nexec "$@"`, 'bash', ...words];
    const child = spawn(file, rest, {
      cwd: options.cwd ?? this.folder,
      // The sources are what is tested, built or not.
      env: {
        PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
        HOME: this.folder,
        HEDDLE_SOURCE: '1',
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // As a shell does: signals to its group reach nobody else.
      detached: true,
    });
    this.#started.add(child);
    return started(child);
  }

  /** Runs the command to its end. */
  run(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
    return this.start(args, options).ended;
  }

  /** Runs a command that must end well and write JSON. */
  async json<T = Record<string, unknown>>(args: readonly string[]): Promise<T> {
    const ended = await this.run([...args, '--json']);
    if (ended.code !== 0) throw new Error(`heddle ${args.join(' ')} ended with ${ended.code}: ${ended.stderr}`);
    return JSON.parse(ended.stdout) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#started) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await giveBack(this.folder);
  }
}

function started(child: ChildProcess): Started {
  const texts = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (chunk: string) => {
      texts[stream] += chunk;
      for (const listener of listeners) listener();
    });
  }
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, ...texts }));
  });
  const said = async (stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> => {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    const look = (): void => {
      const match = pattern.exec(texts[stream]);
      if (match !== null) resolve(match);
    };
    listeners.add(look);
    void ended.then((end) =>
      reject(new Error(`it ended with ${end.code} before it said ${pattern}: ${end.stdout}${end.stderr}`)),
    );
    look();
    try {
      return await promise;
    } finally {
      listeners.delete(look);
    }
  };
  return { process: child, ended, said };
}

/** The id of the run that a `heddle run` has started. */
export async function runIdOf(run: Started): Promise<string> {
  return (await run.said('stderr', /^(r-[0-9a-z]+) /m))[1] as string;
}

/** Waits until a file has so many lines, and gives them: commands say in such files what they do. */
export async function fileLines(path: string, count: number): Promise<readonly string[]> {
  for (;;) {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    const lines = text.split('\n').slice(0, -1);
    if (lines.length >= count) return lines;
    await sleep(10);
  }
}
