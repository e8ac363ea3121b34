import { createHash } from 'node:crypto';
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closureOfModules, type ModuleClosure } from '../../calls/index.ts';
import { FileHasher } from '../../files/index.ts';
import {
  asError,
  type CallReference,
  type Clock,
  HeddleError,
  quoteWord,
  type ResolvedCall,
} from '../../model/index.ts';
import type { Depot, DepotAnswer, DepotFile } from '../depot/index.ts';
import type { Transport } from '../transport/index.ts';

/** What makes calls over there. */
export interface RemoteRuntime {
  /** Node, and the program that makes one call: `exec CALL RESULT` is added. */
  readonly exec: readonly string[];
  /** Node, and the program that is a lane. */
  readonly lane: readonly string[];
  /** Where the modules of the project lie there. */
  readonly project: string;
}

export interface RemoteCodeOptions {
  /** As people call the target. */
  readonly target: string;
  readonly transport: Transport;
  readonly depot: Depot;
  readonly clock: Clock;
}

/** The oldest Node that runs what is sent. */
const NEEDED = [24, 15] as const;
const TRY_MS = 60_000;
/** Packages that were changed are seen after so long. */
const FRESH_MS = 1000;

type NodePlace = { readonly kind: 'found'; readonly path: string } | { readonly kind: 'none'; readonly why: string };

/** What was found of modules and all they import. */
interface Looked {
  /** Where the project lies over there. */
  readonly at: Promise<string>;
  readonly files: readonly string[];
  readonly stamp: string;
  /** When, on the monotonic clock. */
  readonly sinceMs: number;
}

/**
 * Brings what calls need to a target that has a file system of its own: the modules they are in with all these import, as one
 * tree by its content's hash; heddle's own part that makes calls; and, when that is asked for, Node. Each is sent once.
 */
export class RemoteCode {
  readonly #options: RemoteCodeOptions;
  readonly #hasher: FileHasher;
  /** What was brought, or is on its way, by its place over there. */
  readonly #brought = new Map<string, Promise<void>>();
  #node: Promise<NodePlace> | undefined;
  #own: Promise<string> | undefined;
  /** By the modules that were asked for. */
  readonly #projects = new Map<string, Looked>();

  constructor(options: RemoteCodeOptions) {
    this.#options = options;
    this.#hasher = new FileHasher(() => options.clock.now().wall);
  }

  /**
   * Brings the code of these calls.
   *
   * @param project its directory here, absolute: modules of calls must lie below it
   * @throws {HeddleError} RUNTIME_MISSING where there is no Node that fits, FUNCTION_CANNOT_TRAVEL, BACKEND_UNAVAILABLE
   */
  async runtime(calls: readonly ResolvedCall[], project: string): Promise<RemoteRuntime> {
    const root = await this.#root();
    const node = await (this.#node ??= this.#nodeOnce(root));
    if (node.kind === 'none') throw this.#noNode(node.why);
    const own = ownCode();
    // What is running does not change: it is read once.
    const heddle = await (this.#own ??= this.#ownOnce(own, root));
    const at = await this.#projectOnce(calls, { root, project });
    const program = (entry: string): readonly string[] => [node.path, join(heddle, entry)];
    return { exec: program(own.exec), lane: program(own.lane), project: at };
  }

  /**
   * Puts this Node there, where none fits: what runs here must run there.
   *
   * @throws {HeddleError} RUNTIME_MISSING with what it said when it was tried there: another processor, a C library too old
   */
  async install(): Promise<string> {
    const root = await this.#root();
    const found = await this.#findNode(root);
    if (found.kind === 'found') return found.path;
    const folder = nodeFolder(root);
    const from = realpathSync(process.execPath);
    const { sha256, size } = await this.#identity(from);
    await this.#send([{ at: folder, files: [{ name: 'node', from, sha256, size, executable: true }] }]);
    const path = join(folder, 'node');
    const tried = await this.#run(`${quoteWord(path)} -p 1`);
    if (tried.code === 0) return path;
    await this.#options.depot.remove([folder]);
    throw new HeddleError(
      'RUNTIME_MISSING',
      `Node ${process.version} does not run on ${this.#options.target}: ${tried.stderr.trim()}`,
      {
        hint: 'its processor or its C library is another: install Node there from your site, or run commands there, which need none',
      },
    );
  }

  async #root(): Promise<string> {
    const answer = await this.#options.depot.root();
    if (answer.kind === 'done') return answer.path;
    throw this.#failed(answer);
  }

  /** Asked for again where there was none, or no answer. */
  #nodeOnce(root: string): Promise<NodePlace> {
    const finding = this.#findNode(root);
    const forget = (): void => void (this.#node = undefined);
    finding.then(({ kind }) => kind === 'none' && forget(), forget);
    return finding;
  }

  #ownOnce(own: OwnCode, root: string): Promise<string> {
    const bringing = this.#bring(own, join(root, 'heddle'));
    bringing.catch(() => (this.#own = undefined));
    return bringing;
  }

  /**
   * Reading and hashing all that modules import costs more than a call, so calls that follow each other share a look, while the
   * project's own files are as they were; what their packages hold is looked at anew now and then.
   */
  async #projectOnce(
    calls: readonly ResolvedCall[],
    { root, project }: { readonly root: string; readonly project: string },
  ): Promise<string> {
    const modules = [...new Set(calls.flatMap(({ call }) => moduleOf(call, project)))].sort();
    if (modules.length === 0) return root;
    const key = JSON.stringify([project, ...modules]);
    const { mono } = this.#options.clock.now();
    const known = this.#projects.get(key);
    if (known !== undefined && mono - known.sinceMs < FRESH_MS && stampOf(known.files) === known.stamp)
      return await known.at;
    try {
      const closure = closureOfModules(modules);
      const { files } = closure;
      const at = this.#project(closure, { root, project });
      this.#projects.set(key, { at, files, stamp: stampOf(files), sinceMs: mono });
      return await at;
    } catch (error) {
      this.#projects.delete(key);
      if (HeddleError.is(error)) throw error;
      // A package.json that is none, a file that has gone: of the user's modules, not of ours.
      throw new HeddleError('FUNCTION_CANNOT_TRAVEL', `its modules can't be read: ${asError(error).message}`);
    }
  }

  /** On PATH over there, or put there by `install`. */
  async #findNode(root: string): Promise<NodePlace> {
    const own = quoteWord(join(nodeFolder(root), 'node'));
    const { stdout } = await this.#run(
      `for node in "$(command -v node 2>/dev/null)" ${own}; do
[ -n "$node" ] && [ -x "$node" ] && version=$("$node" --version 2>/dev/null) && echo "$version $node"
done
exit 0`,
    );
    const lines = stdout.split('\n').filter((line) => line !== '');
    for (const line of lines) {
      const [version = '', ...path] = line.split(' ');
      if (isNewEnough(version)) return { kind: 'found', path: path.join(' ') };
    }
    const older = lines[0]?.split(' ')[0];
    return { kind: 'none', why: older === undefined ? 'there is no Node' : `its Node is ${older}` };
  }

  #noNode(why: string): HeddleError {
    const { target } = this.#options;
    return new HeddleError(
      'RUNTIME_MISSING',
      `functions can't run on ${target}: ${why}, and Node ${NEEDED.join('.')} or newer is wanted`,
      {
        hint: `heddle doctor --install ${target} puts one there; commands need none`,
      },
    );
  }

  /** Modules, and all they import, in one tree; gives where the project lies in it. */
  async #project(
    { files, packages }: ModuleClosure,
    { root, project }: { readonly root: string; readonly project: string },
  ): Promise<string> {
    const all = [...files, ...manifestsOf(files, project), ...packages.flatMap(filesBelow)];
    const base = commonFolder([...all, join(project, 'x')]);
    const at = await this.#bring({ base, files: all }, join(root, 'code'));
    return join(at, relative(base, project));
  }

  /** Sends a tree once; its place is named by what is in it. */
  async #bring({ base, files }: Tree, into: string): Promise<string> {
    const wanted: DepotFile[] = [];
    const hash = createHash('sha256');
    for (const from of [...new Set(files)].sort()) {
      const name = relative(base, from).split(sep).join('/');
      const { sha256, size } = await this.#identity(from);
      hash.update(`${sha256} ${name}\n`);
      wanted.push({ name, from, sha256, size });
    }
    const at = join(into, hash.digest('hex').slice(0, 24));
    let bringing = this.#brought.get(at);
    if (bringing === undefined) {
      bringing = this.#bringOnce(at, wanted);
      this.#brought.set(at, bringing);
      bringing.catch(() => this.#brought.delete(at));
    }
    await bringing;
    return at;
  }

  /** A mark beside the tree says that all of it is there: an earlier engine may have brought it. */
  async #bringOnce(at: string, files: readonly DepotFile[]): Promise<void> {
    const mark = quoteWord(`${at}.whole`);
    const { code } = await this.#run(`[ -e ${mark} ]`);
    if (code === 0) return;
    await this.#send([{ at, files }]);
    await this.#run(`: >${mark}`);
  }

  async #send(directories: Parameters<Depot['send']>[0]): Promise<void> {
    const answer = await this.#options.depot.send(directories);
    if (answer.kind !== 'done') throw this.#failed(answer);
  }

  async #identity(path: string): Promise<{ readonly sha256: string; readonly size: number }> {
    const found = this.#hasher.hashSmall(path) ?? (await this.#hasher.hash(path));
    if (!('unsteady' in found)) return found;
    throw new HeddleError('BACKEND_UNAVAILABLE', `'${path}' changes while it is read`, {
      hint: 'try again when it is written',
    });
  }

  async #run(script: string): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    const answer = await this.#options.transport.run(script, { timeoutMs: TRY_MS });
    if (answer.kind !== 'ended') throw this.#failed(answer);
    return { code: answer.code, stdout: new TextDecoder().decode(answer.stdout), stderr: answer.stderr };
  }

  #failed(answer: Exclude<DepotAnswer, { readonly kind: 'done' }>): HeddleError {
    const { target } = this.#options;
    if (answer.kind === 'login')
      return new HeddleError('BACKEND_UNAVAILABLE', `${target} needs login: ${answer.need.why}`, {
        hint: answer.need.mend,
      });
    return new HeddleError('BACKEND_UNAVAILABLE', `code can't be brought to ${target}: ${answer.why}`);
  }
}

interface Tree {
  /** Names in the tree start here. */
  readonly base: string;
  readonly files: readonly string[];
}

/** Differs when any of them was written since. */
function stampOf(files: readonly string[]): string {
  return files
    .map((file) => {
      const { mtimeMs, size, ino } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: 0, size: 0, ino: 0 };
      return `${mtimeMs} ${size} ${ino}`;
    })
    .join();
}

function nodeFolder(root: string): string {
  return join(root, 'node', `${process.version}-${process.platform}-${process.arch}`);
}

/** Whether a Node of this version (`v24.15.0`) runs what is sent. */
export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
}

/** The file of the module that a call is of; none for what every Node has. @throws {HeddleError} FUNCTION_CANNOT_TRAVEL */
function moduleOf(call: CallReference, project: string): readonly string[] {
  if (call.kind !== 'module' || !call.module.startsWith('file:')) return [];
  const path = fileURLToPath(call.module);
  if (!relative(project, path).startsWith('..')) return [path];
  throw new HeddleError(
    'FUNCTION_CANNOT_TRAVEL',
    `'${call.name}' of '${path}' lies outside of the project '${project}'`,
    {
      hint: 'put the module into the project; what it imports may lie elsewhere',
    },
  );
}

/** Whether a module is one, and what `#names` in it mean, stands in the package.json around it. */
function manifestsOf(files: readonly string[], project: string): readonly string[] {
  const found = new Set<string>();
  for (const file of files) {
    for (let folder = dirname(file); ; folder = dirname(folder)) {
      const manifest = join(folder, 'package.json');
      if (statSync(manifest, { throwIfNoEntry: false })?.isFile() === true) found.add(manifest);
      if (folder === project || folder === dirname(folder)) break;
    }
  }
  return [...found];
}

/** All files of a package, but for packages inside of it, which are brought when something needs them. */
function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: false }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name === '.git' ? [] : filesBelow(path);
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? [path] : [];
  });
}

function commonFolder(paths: readonly string[]): string {
  let [common = '/'] = paths.map(dirname);
  for (const path of paths) while (relative(common, path).startsWith('..')) common = dirname(common);
  return common;
}

interface OwnCode extends Tree {
  /** Programs, relative to `base`. */
  readonly exec: string;
  readonly lane: string;
}

let own: OwnCode | undefined;

/** The part of this very heddle that makes calls: sources, or what was built from them. */
function ownCode(): OwnCode {
  if (own !== undefined) return own;
  const home = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const code = extension === 'ts' ? 'src' : 'dist';
  const [exec, lane] = [`${code}/lanes/exec.entry.${extension}`, `${code}/lanes/stdio.entry.${extension}`];
  // The last two are found at run time only.
  const unseen = [`${code}/lane-face.${extension}`, `${code}/lanes/watchdog.entry.${extension}`];
  const entries = [exec, lane, ...unseen].map((name) => join(home, name));
  const { files, packages } = closureOfModules(entries);
  const all = [...files, join(home, 'package.json'), ...packages.flatMap(filesBelow)];
  // Its packages may lie beside it.
  const base = commonFolder(all);
  own = { base, exec: relative(base, join(home, exec)), lane: relative(base, join(home, lane)), files: all };
  return own;
}
