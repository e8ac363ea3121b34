import type { LoginNeed } from '../../model/index.ts';

/** How shell text is run on the other side. */
export interface RunOptions {
  /** Given to its standard input, which then ends. @default empty */
  readonly input?: string | Uint8Array;
  /** After so long nobody waits for it any more; what it does there is not undone. @default 60000 */
  readonly timeoutMs?: number;
  /** An answer with more on standard output is none. @default 64 MiB */
  readonly maxOutputBytes?: number;
  readonly signal?: AbortSignal;
}

/** What became of shell text on the other side. */
export type RunAnswer =
  /** It ran to its end. `stdout` is what it printed and nothing else: no banner, nothing of the user's start-up files. */
  | { readonly kind: 'ended'; readonly code: number; readonly stdout: Uint8Array; readonly stderr: string }
  /** The other side doesn't answer. `began`: it may have had its effect, as far as anybody knows here. */
  | { readonly kind: 'unreachable'; readonly why: string; readonly began: boolean }
  /** It wants its user: a password, a second factor, a host key that changed or is unknown, a key that was refused. */
  | { readonly kind: 'login'; readonly need: LoginNeed };

/** A program on the other side whose standard streams are here. */
export interface Connection {
  /** What is written here is its standard input; ended, it reads an end of file. */
  readonly input: NodeJS.WritableStream;
  /** What it writes to standard output, from its first byte on. */
  readonly output: NodeJS.ReadableStream;
  /** Local pid of what carries it; undefined where there is none. */
  readonly pid: number | undefined;
  /** When it is over, however; never rejects. `stderr` is its last 4 KB. */
  readonly ended: Promise<{ readonly answer: RunAnswer; readonly stderr: string }>;
  /** Ends what carries it. The program there sees its streams end. */
  close(): void;
}

/**
 * The way to one machine: this one, or one behind ssh. All it knows is /bin/sh there. It holds no state about work;
 * everything it is asked may be asked again.
 */
export interface Transport extends AsyncDisposable {
  /** For people and records: `local`, `ssh login.example.org`. */
  readonly name: string;
  /** Same value: the same machine, reached the same way; for who shares a poll of it. */
  readonly key: string;
  /** Files here are files there, at the same paths. */
  readonly sharesFiles: boolean;
  /** Runs text under /bin/sh there. Never rejects but for an abort. */
  run(script: string, options?: RunOptions): Promise<RunAnswer>;
  /** Starts text under /bin/sh there with its streams here. Never throws: what went wrong is in `ended`. */
  connect(script: string): Connection;
}
