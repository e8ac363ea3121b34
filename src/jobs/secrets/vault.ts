/* oxlint-disable node/no-process-env -- a secret may be a variable of the engine's own environment */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import {
  type Clock,
  HeddleError,
  type Logger,
  type RedactedValue,
  Redactor,
  type Secret,
  type SecretData,
  SHORTEST_REDACTED,
} from '../../model/index.ts';
import { runCommand } from '../../process/index.ts';

/** How long what a command printed is taken for its word. */
const COMMAND_FRESH_MS = 5 * 60_000;
/** A command that asks somebody for a passphrase may take its time. */
const COMMAND_TIMEOUT_MS = 120_000;
const MAX_SECRET_BYTES = 64 * 1024;

export interface VaultOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where relative paths of secrets start, and where their commands run. */
  readonly project: string;
}

/** A secret's value, or why there is none. */
export type Opened = { readonly value: string } | { readonly error: HeddleError };

type Asked = { readonly at: number; readonly opened: Promise<Opened> };

/**
 * Reads secrets when they are wanted, and remembers every value it has read for as long as it lives: whatever leaves the
 * engine from then on is cleaned of them. Values are in this process's memory only.
 */
export class Vault {
  readonly #options: VaultOptions;
  readonly #values = new Map<string, RedactedValue>();
  readonly #commands = new Map<string, Asked>();
  #redactor: Redactor = new Redactor([]);

  constructor(options: VaultOptions) {
    this.#options = options;
  }

  /** Takes out all that was read so far. */
  get redactor(): Redactor {
    return this.#redactor;
  }

  /** Takes values out of a text. */
  readonly redact = (text: string): string => this.#redactor.text(text);

  /** Reads secrets as they are now. Never rejects. */
  async open(secrets: readonly Secret[]): Promise<ReadonlyMap<string, Opened>> {
    const wanted = new Map(secrets.map((secret) => [keyOf(secret), secret]));
    const entries = await Promise.all(
      [...wanted].map(async ([key, secret]) => [key, this.#checked(secret, await this.#read(secret))] as const),
    );
    return new Map(entries);
  }

  async #read(secret: Secret): Promise<Opened> {
    const [kind, from] = secret.source;
    switch (kind) {
      case 'env': {
        const value = process.env[from];
        return value === undefined || value === ''
          ? missing(secret, `the environment variable ${from} is ${value === '' ? 'empty' : 'not set'}`)
          : { value };
      }
      case 'file':
        return this.#readFile(secret, from);
      case 'command':
        return this.#ask(secret, from);
    }
  }

  async #readFile(secret: Secret, path: string): Promise<Opened> {
    try {
      const full = path.startsWith('~/') ? resolve(homedir(), path.slice(2)) : resolve(this.#options.project, path);
      const value = withoutLastNewline(await readFile(full, 'utf8'));
      return value === '' ? missing(secret, `the file ${path} is empty`) : { value };
    } catch (error) {
      return missing(secret, `the file ${path} can't be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
    }
  }

  /** A command is asked once for all who want its word at a time, and its failure is not remembered. */
  async #ask(secret: Secret, line: string): Promise<Opened> {
    const now = this.#options.clock.now().mono;
    const known = this.#commands.get(line);
    if (known !== undefined && now - known.at < COMMAND_FRESH_MS) return known.opened;
    const opened = this.#run(secret, line);
    this.#commands.set(line, { at: now, opened });
    const answer = await opened;
    if ('error' in answer) this.#commands.delete(line);
    return answer;
  }

  async #run(secret: Secret, line: string): Promise<Opened> {
    const { clock, project: cwd } = this.#options;
    try {
      const options = { clock, cwd, timeoutMs: COMMAND_TIMEOUT_MS, maxOutputBytes: MAX_SECRET_BYTES };
      const value = withoutLastNewline((await runCommand(['/bin/sh', '-c', line], options)).stdout);
      return value === '' ? missing(secret, `the command '${line}' prints nothing`) : { value };
    } catch (error) {
      const details = HeddleError.is(error)
        ? (error.details as { readonly stderr?: string; readonly why?: string })
        : {};
      const said = details.stderr?.trim().split('\n').at(-1) ?? '';
      return missing(
        secret,
        `the command '${line}' failed (${details.why ?? 'error'})${said === '' ? '' : `: ${said}`}`,
      );
    }
  }

  #checked(secret: Secret, opened: Opened): Opened {
    if ('error' in opened) return opened;
    if (opened.value.includes('\0') || opened.value.length > MAX_SECRET_BYTES)
      return missing(secret, `${secret.source[1]} holds a NUL, or more than ${MAX_SECRET_BYTES} characters`);
    this.#keep(secret, opened.value);
    return opened;
  }

  #keep(secret: Secret, value: string): void {
    if (this.#values.has(value)) return;
    this.#values.set(value, { value, label: secret.label });
    if (value.length < SHORTEST_REDACTED) {
      const message = `${secret.label} has fewer than ${SHORTEST_REDACTED} characters: it can't be taken out of logs and results`;
      this.#options.logger.warn({ secret: secret.source[1] }, message);
      return;
    }
    this.#redactor = new Redactor([...this.#values.values()]);
  }
}

/** What a secret is known by. */
export function keyOf({ source: [kind, from] }: Secret): string {
  return `${kind} ${from}`;
}

/** The same, of one in data. */
export function keyOfData({ $secret: [kind, from] }: SecretData): string {
  return `${kind} ${from}`;
}

function withoutLastNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}

const MENDS = {
  env: (name: string) => `set it where heddle is started: export ${name}=...`,
  file: (path: string) => `write the secret into ${path}, readable for you alone (chmod 600)`,
  command: (line: string) => `run it by hand to see what it says: ${line}`,
} as const;

function missing(secret: Secret, why: string): Opened {
  const [kind, from] = secret.source;
  return {
    error: new HeddleError('SECRET_MISSING', `a secret is missing: ${why}`, {
      details: { secret: secret.source },
      hint: MENDS[kind](from),
    }),
  };
}
