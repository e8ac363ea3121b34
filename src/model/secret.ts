import { HeddleError } from './errors.ts';

/** Where a secret is read: a variable of the engine's own environment, a file, what a shell command prints. */
export type SecretSource = readonly [kind: 'env' | 'file' | 'command', from: string];

/** What stands in a graph, a journal or a fingerprint for a secret: where it is read, never what it is. */
export interface SecretData {
  readonly $secret: SecretSource;
}

/** Variables as people write them: text, or a secret by reference. */
export type EnvironmentInput = Readonly<Record<string, string | Secret>>;

/** Variables as a graph has them. */
export type Environment = Readonly<Record<string, string | SecretData>>;

const KINDS: readonly string[] = ['env', 'file', 'command'];
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const brand = Symbol.for('heddle.secret');

function labelOf(this: Secret): string {
  return this.label;
}

/**
 * A secret by reference. It holds no value: that is read where and when an attempt is launched, and handed to its process
 * alone. Put it into `environment`, or among the arguments of a call.
 */
export class Secret {
  readonly source: SecretSource;

  constructor(source: SecretSource) {
    this.source = source;
  }

  static {
    Object.defineProperty(this.prototype, brand, { value: true });
    Object.defineProperty(this.prototype, Symbol.for('nodejs.util.inspect.custom'), { value: labelOf });
  }

  /** Holds across duplicate copies of the package, unlike `instanceof`. */
  static is(value: unknown): value is Secret {
    return typeof value === 'object' && value !== null && brand in value;
  }

  /** What stands where its value stood: the variable's name, the file's path, the command. Fit for JSON and a shell's quotes. */
  get label(): string {
    const [, from] = this.source;
    return `[secret ${from.replace(/[^\w@%+=:,./ -]/g, '_').slice(0, 60)}]`;
  }

  toJSON(): SecretData {
    return { $secret: this.source };
  }

  toString(): string {
    return this.label;
  }
}

/**
 * Secrets by reference: what travels, is stored and is shown is where a secret is read, never the secret.
 *
 * @example
 * command('upload', {
 *   run: () => sh`curl -H "Authorization: Bearer $TOKEN" https://example.org`,
 *   environment: { TOKEN: secret.env('UPLOAD_TOKEN') },
 * });
 */
export const secret: {
  /** A variable of the environment in which the engine runs. @throws {HeddleError} INPUT_INVALID */
  readonly env: (name: string) => Secret;
  /** What a file holds, without the newline at its end; relative to the project, `~/` is the home directory. @throws {HeddleError} INPUT_INVALID */
  readonly file: (path: string) => Secret;
  /** What a shell command prints, without the newline at its end; it runs in the project, at most once in five minutes. @throws {HeddleError} INPUT_INVALID */
  readonly command: (line: string) => Secret;
} = {
  env: (name) => new Secret(checkedSource(['env', name])),
  file: (path) => new Secret(checkedSource(['file', path])),
  command: (line) => new Secret(checkedSource(['command', line])),
};

function checkedSource([kind, from]: readonly [string, unknown]): SecretSource {
  const isText = typeof from === 'string' && from !== '' && !from.includes('\0');
  if (isText && (kind !== 'env' || VARIABLE.test(from))) return [kind as SecretSource[0], from];
  throw new HeddleError('INPUT_INVALID', `secret.${kind} can't be ${JSON.stringify(from)}`, {
    hint: kind === 'env' ? "name a variable: secret.env('TOKEN')" : `secret.${kind}('...') takes a text`,
  });
}

/** Says whether data stands for a secret. */
export function isSecretData(data: unknown): data is SecretData {
  if (typeof data !== 'object' || data === null || !Object.hasOwn(data, '$secret')) return false;
  const { $secret: source } = data as { readonly $secret: unknown };
  return (
    Array.isArray(source) && source.length === 2 && KINDS.includes(source[0] as string) && typeof source[1] === 'string'
  );
}

/**
 * Reads a secret from data: `{ secret: { env: NAME } }` (`file`, `command`) as YAML says it, or the mark it has in a graph.
 * Undefined where the data is something else.
 *
 * @throws {HeddleError} INPUT_INVALID for a secret that is said badly
 */
export function secretFromData(data: unknown): Secret | undefined {
  if (Secret.is(data)) return data;
  if (isSecretData(data)) return new Secret(checkedSource(data.$secret));
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return undefined;
  const [entry, ...others] = Object.entries(data);
  if (entry?.[0] !== 'secret' || others.length > 0) return undefined;
  const said: unknown = entry[1];
  const parts = typeof said === 'object' && said !== null ? Object.entries(said) : [];
  const [part] = parts;
  if (part !== undefined && parts.length === 1 && KINDS.includes(part[0])) return new Secret(checkedSource(part));
  throw new HeddleError('INPUT_INVALID', `a secret can't be ${JSON.stringify(said)}`, {
    hint: 'say where it is read: { env: NAME }, { file: PATH } or { command: LINE }',
  });
}

/** Variables as a graph has them. */
export function environmentData(environment: EnvironmentInput): Environment {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, Secret.is(value) ? value.toJSON() : value]),
  );
}

/** Plain variables, and those that are secrets. */
export interface SplitEnvironment {
  readonly environment: Readonly<Record<string, string>>;
  /** Absent where there are none. */
  readonly secrets?: Readonly<Record<string, SecretData>>;
}

/** Tells plain variables from secrets. */
export function splitEnvironment(given: Environment): SplitEnvironment {
  const environment: Record<string, string> = {};
  let secrets: Record<string, SecretData> | undefined;
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === 'string') environment[name] = value;
    else (secrets ??= {})[name] = value;
  }
  return secrets === undefined ? { environment } : { environment, secrets };
}

/** What a secret's variable comes to in a fingerprint: where it is read. */
export function secretText({ $secret: [kind, from] }: SecretData): string {
  return `secret ${kind} ${from}`;
}
