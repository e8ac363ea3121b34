import type { Condition } from './condition.ts';
import type { ContainerSpec, NoContainer } from './container.ts';
import type { RetryPolicy, Timeouts } from './policy.ts';
import type { ResourceRequest } from './resources.ts';
import type { SchedulingOptions } from './scheduling.ts';
import type { Environment, SecretData } from './secret.ts';
import type { Json } from './value.ts';

/**
 * What many tasks share: everything about a piece of work but its inputs. Equal definitions
 * are stored once a graph; a million tasks of one kind have one.
 */
export interface Definition {
  /** Task name: part of the fingerprint, shown to people. */
  readonly name: string;
  /** `control`: what it becomes is known when its inputs are: see `ControlPayload`. */
  readonly kind: 'command' | 'call' | 'control';
  /** Backend by name; absent: the run's `--backend` or the default for the kind. */
  readonly backend?: string;
  readonly resources: ResourceRequest;
  readonly retry: RetryPolicy;
  readonly timeouts: Timeouts;
  readonly graceMs: number;
  /** Larger first. @default 0 */
  readonly priority: number;
  readonly condition?: Condition;
  /** At most `limit` jobs of this name in a run hold a grant at a time, whatever else is free. */
  readonly cap?: Cap;
  /** Declared environment, on top of the small allow-list. */
  readonly environment?: Environment;
  /** A call marked pure may start on inputs that are not committed yet. */
  readonly pure?: boolean;
  /** An earlier result of the same fingerprint is taken instead of running it again. */
  readonly cache?: boolean;
  /** What a command runs in; absent: what its target's settings say, or nothing. */
  readonly container?: ContainerSpec | NoContainer;
  /** What a batch system is told of it. */
  readonly scheduling?: SchedulingOptions;
  /** Makes files that are deleted when nobody needs them any more (`OutputSpec.temporary`). */
  readonly temporary?: boolean;
}

/** How many jobs of a run that share a name may run at a time. */
export interface Cap {
  readonly name: string;
  /** A whole number from 1 on. */
  readonly limit: number;
}

/**
 * Stands in a payload where the value of another node is wanted: `{ "$ref": [node, ...path] }`,
 * node being its index in the run. An object of the user's own with a key that starts with `$`
 * is written `{ "$object": [[key, value], ...] }`.
 */
export interface Ref {
  readonly $ref: readonly [node: number, ...path: (string | number)[]];
}

/** A file of the user's, named by its path; becomes a file value when the run starts. */
export interface FileRef {
  readonly $file: string;
}

/** One piece of a template: text that stands as it is, or a value that will be quoted into it. */
export type TemplatePart = string | { readonly value: Json | Ref | FileRef } | { readonly raw: Json | Ref };

/** Text with holes. */
export type Template = readonly TemplatePart[];

/** What a command must leave behind. A missing one is a failure of its own cause. */
export interface OutputSpec {
  readonly name: string;
  /** Relative to the work directory; never leaves it. */
  readonly path: string;
  readonly type: 'file' | 'json' | 'text';
  /** Where people find it: relative to the project's results folder. */
  readonly publish?: string;
  /** Deleted once every task that takes it is done; made again when one of them must run again. */
  readonly temporary?: true;
}

/** An output as a command's payload has it: where it is published may depend on values that are known when it starts. */
export interface OutputTemplate extends Omit<OutputSpec, 'publish'> {
  readonly publish?: string | Template;
}

/** A file wanted in the work directory before the start, at `inputs/<name>`. */
export interface InputSpec {
  readonly name: string;
  readonly from: Ref | FileRef;
}

/** What one command task has of its own: rendered template, files. */
export interface CommandPayload {
  /** A shell line. Exactly one of `script` and `argv` is there. */
  readonly script?: Template;
  /** A program and its arguments; no shell sees them. */
  readonly argv?: readonly Template[];
  readonly inputs?: readonly InputSpec[];
  readonly outputs?: readonly OutputTemplate[];
  readonly environment?: Environment;
  /**
   * Recorded work: what it took. A backend without processes may wait instead of running the
   * script; the commands backend runs the script, which does the waiting. `bytes` are the sizes its
   * script gives the declared outputs, in their order; absent: all are empty.
   */
  readonly replay?: { readonly seconds: number; readonly bytes?: readonly number[] };
}

/** A function by where it is found. */
export type CallReference =
  /** The engine's own: nothing at all, or so many milliseconds. */
  | { readonly kind: 'builtin'; readonly name: 'noop' | 'wait' }
  /**
   * An export of a module (`default` too), or, with `task`, what `task(name, fn)` registered there under this name.
   * `module` is a file URL or a package's specifier; in a payload a file below the project is `./path` from there.
   */
  | { readonly kind: 'module'; readonly module: string; readonly name: string; readonly task?: true }
  /** A function that closes over nothing, by its text: one expression. */
  | { readonly kind: 'source'; readonly source: string }
  /** Something every JavaScript has, by its path from `globalThis`: `Math.max`. */
  | { readonly kind: 'global'; readonly name: string }
  /** Held in the memory of the process that submitted it, and gone with it: only the inline backend takes one. */
  | { readonly kind: 'local'; readonly id: string };

/** How a call is made, beside what is called with what. */
export interface CallManner {
  /**
   * A generator whose values somebody takes one by one: the attempt is `streaming`, nothing runs ahead of who takes
   * them, and its value is what it returns. Without it the values of a generator are gathered into a list.
   */
  readonly stream?: true;
  /**
   * Where its output goes, instead of `stdout` and `stderr` of the attempt's directory (which an empty path means); the
   * same file twice: in order. Inline, only what is redirected is taken: the rest is this process's own output.
   */
  readonly redirect?: { readonly stdout: string; readonly stderr: string };
  /** A child process is in the attempt's directory while it runs. In threads and inline a call only learns its name. */
  readonly enterDirectory?: true;
}

/** What one call task has of its own. */
export interface CallPayload extends CallManner {
  readonly call: CallReference;
  /**
   * Data with refs, secrets by reference (`{ "$secret": [kind, from] }`), and for what JSON has no words `{ "$v8": base64 }`, `{ "$map": [[key, value], ...] }` and
   * `{ "$set": [...] }`, whose parts may hold refs again.
   */
  readonly args: readonly (Json | Ref)[];
}

export type Payload = CommandPayload | CallPayload;

/** A file to be linked into a work directory. */
export interface ResolvedInput {
  /** Below `inputs/`. */
  readonly name: string;
  /** Where it lies now: absolute, or relative to the store's directory. */
  readonly at: string;
  readonly sha256?: string;
  readonly size?: number;
}

/** A task with every reference replaced by its value: what a backend is given. */
export type ResolvedWork =
  | {
      readonly kind: 'command';
      /** Shell text when `shell`, else the quoted argv, fit for a shell too. */
      readonly text: string;
      /** Present when no shell is to see it. */
      readonly argv?: readonly string[];
      readonly inputs: readonly ResolvedInput[];
      readonly outputs: readonly OutputSpec[];
      readonly environment: Readonly<Record<string, string>>;
      /** Variables whose values are read when it is launched, and written down nowhere. */
      readonly secrets?: Readonly<Record<string, SecretData>>;
      readonly replay?: { readonly seconds: number };
    }
  | ResolvedCall;

/** A call with its arguments as they are: whatever structured clone carries. */
export interface ResolvedCall extends CallManner {
  readonly kind: 'call';
  readonly call: CallReference;
  /** A secret among them is a `Secret`: its value takes its place when the call is launched. */
  readonly args: readonly unknown[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Variables whose values are read when it is launched, and written down nowhere. */
  readonly secrets?: Readonly<Record<string, SecretData>>;
  /** There are secrets among its arguments. */
  readonly hasSecretArguments?: true;
}
