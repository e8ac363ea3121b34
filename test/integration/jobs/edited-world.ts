import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { definitionOf, type Graph, GraphBuilder, type ResolvedWork } from '../../../src/model/index.ts';
import type { CallBody, CommandBody } from './recording-backend.ts';

/** A random project: modules that import helpers and packages, files, and tasks that use them. */
export interface WorldSpec {
  /** Helpers that each helper imports: only later ones. */
  readonly helpers: readonly (readonly number[])[];
  /** What each module imports. */
  readonly modules: readonly { readonly helpers: readonly number[]; readonly packages: readonly number[] }[];
  readonly nodes: readonly NodeSpec[];
}

export interface NodeSpec {
  readonly kind: 'call' | 'command';
  readonly module: number;
  /** Earlier nodes, by a number that is taken modulo. */
  readonly needs: readonly number[];
  /** Takes what an earlier command has written, where there is one. */
  readonly takesFiles: boolean;
  readonly file: number | undefined;
  /** Gives one of two values whatever goes in: changes end there. */
  readonly coarse: boolean;
  readonly cached: boolean;
  readonly temporary: boolean;
}

const HELPERS = 4;
const PACKAGES = 2;
const FILES = 3;

const below = (count: number): fc.Arbitrary<number> => fc.nat({ max: count - 1 });
const some = (count: number): fc.Arbitrary<readonly number[]> =>
  fc.subarray(Array.from({ length: count }, (_, i) => i));

export const world: fc.Arbitrary<WorldSpec> = fc.record({
  helpers: fc.tuple(...Array.from({ length: HELPERS }, (_, i) => fc.subarray(later(i)))),
  modules: fc.array(fc.record({ helpers: some(HELPERS), packages: some(PACKAGES) }), { minLength: 2, maxLength: 4 }),
  nodes: fc.array(
    fc.record({
      kind: fc.constantFrom('call', 'command'),
      module: fc.nat({ max: 99 }),
      needs: fc.array(fc.nat({ max: 99 }), { maxLength: 3 }),
      takesFiles: fc.boolean(),
      file: fc.option(below(FILES), { nil: undefined }),
      coarse: fc.boolean(),
      cached: fc.integer({ min: 0, max: 9 }).map((chance) => chance > 0),
      temporary: fc.integer({ min: 0, max: 2 }).map((chance) => chance === 0),
    }),
    { minLength: 2, maxLength: 9 },
  ),
});

function later(i: number): number[] {
  return Array.from({ length: HELPERS - 1 - i }, (_, k) => i + 1 + k);
}

export const EDITS = [
  'helper',
  'comment',
  'package',
  'touch',
  'same-mtime',
  'argument',
  'environment',
  'output',
  'truncate',
  'resources',
  'undo',
] as const;

export interface Edit {
  readonly kind: (typeof EDITS)[number];
  readonly at: number;
}

export const edit: fc.Arbitrary<Edit> = fc.record({ kind: fc.constantFrom(...EDITS), at: fc.nat({ max: 9999 }) });

interface Node extends NodeSpec {
  readonly name: string;
  readonly upstream: readonly number[];
  readonly files: readonly number[];
  temperature: number;
  level: number;
  cpus: number;
}

/** What an edit is known to bring about. */
export interface Effect {
  /** Jobs whose own components have changed. */
  readonly touched: ReadonlySet<string>;
  /** What is said of them. */
  readonly says: string;
}

const NOTHING: Effect = { touched: new Set(), says: '' };

/** A project on disk, and what each of its tasks gives: known without running anything. */
export class World {
  readonly nodes: readonly Node[];
  readonly #folder: string;
  readonly #spec: WorldSpec;
  readonly #helpers: number[];
  readonly #packages: number[];
  readonly #files: string[];
  readonly #undo: (() => void)[] = [];
  #last = 0;

  constructor(spec: WorldSpec, folder: string) {
    this.#spec = spec;
    this.#folder = folder;
    this.#helpers = spec.helpers.map(() => 0);
    this.#packages = Array.from({ length: PACKAGES }, () => 0);
    this.#files = Array.from({ length: FILES }, (_, i) => `content ${i} 000000\n`);
    this.nodes = spec.nodes.map((node, i): Node => {
      const upstream = i === 0 ? [] : [...new Set(node.needs.map((need) => need % i))];
      const commands = upstream.filter((need) => spec.nodes[need]?.kind === 'command');
      return {
        ...node,
        name: `n${i}`,
        module: node.module % spec.modules.length,
        upstream,
        files: node.kind === 'command' && node.takesFiles ? commands : [],
        temperature: 300 + i,
        level: 1,
        cpus: 1,
      };
    });
    for (const i of this.#helpers.keys()) this.#writeHelper(i);
    for (const i of spec.modules.keys()) this.#writeModule(i);
    for (const i of this.#packages.keys()) this.#write(`node_modules/p${i}/package.json`, `{"name":"p${i}"}`);
    this.#writeLock();
    for (const [i, text] of this.#files.entries()) this.#write(`data/f${i}.txt`, text);
  }

  graph(): Graph {
    const builder = new GraphBuilder('world');
    for (const [i, node] of this.nodes.entries()) {
      const definition = builder.definition({
        ...definitionOf(`task${i}`, node.kind, {
          cache: node.cached,
          resources: { cpus: node.cpus },
          environment: { LEVEL: String(node.level) },
        }),
        ...(node.kind === 'command' && node.temporary ? { temporary: true } : {}),
      });
      const payload = node.kind === 'call' ? this.#callPayload(node) : this.#commandPayload(node);
      builder.add(node.name, { definition, payload: JSON.stringify(payload), edges: [...node.upstream] });
    }
    return builder.build();
  }

  #callPayload(node: Node): unknown {
    const argument = {
      temperature: node.temperature,
      up: node.upstream.map((need) => this.#numberOf(need)),
      ...(node.file === undefined ? {} : { file: { $file: `data/f${node.file}.txt` } }),
    };
    const module = pathToFileURL(join(this.#folder, `m${node.module}.ts`)).href;
    return { call: { kind: 'module', module, name: 'f' }, args: [argument] };
  }

  #commandPayload(node: Node): unknown {
    const files = node.files.map((need) => ({ name: `of-n${need}.txt`, from: { $ref: [need, 'out'] } }));
    const own =
      node.file === undefined ? [] : [{ name: `f${node.file}.txt`, from: { $file: `data/f${node.file}.txt` } }];
    const out = { name: 'out', path: 'out.txt', type: 'file', ...(node.temporary ? { temporary: true } : {}) };
    return {
      script: ['cmd ', { value: node.temperature }, ' ', { value: node.upstream.map((need) => this.#numberOf(need)) }],
      inputs: [...files, ...own],
      outputs: [{ name: 'n', path: 'n.json', type: 'json' }, out],
    };
  }

  #numberOf(need: number): unknown {
    return this.nodes[need]?.kind === 'call' ? { $ref: [need] } : { $ref: [need, 'n'] };
  }

  // ---- what tasks do ---------------------------------------------------------------------------

  readonly call: CallBody = (work, job) => {
    const [{ temperature, up, file }] = work.args as readonly [
      { temperature: number; up: number[]; file?: { at: string } },
    ];
    const node = this.#node(job);
    const content = file === undefined ? '' : readFileSync(file.at, 'utf8');
    return this.#result(node, [this.#codeOf(node.module), temperature, up, content, levelOf(work)]);
  };

  readonly command: CommandBody = (work, inputs, job) => {
    const number = this.#result(this.#node(job), [work.text, inputs, levelOf(work)]);
    return { n: JSON.stringify(number), out: `${job} has ${number}\n` };
  };

  /** What a job is to give, by what the project holds now. */
  expected(i: number, known: Map<number, number> = new Map()): number {
    const earlier = known.get(i);
    if (earlier !== undefined) return earlier;
    const node = this.nodes[i] as Node;
    const up = node.upstream.map((need) => this.expected(need, known));
    const content = node.file === undefined ? '' : (this.#files[node.file] as string);
    let number: number;
    if (node.kind === 'call') {
      number = this.#result(node, [this.#codeOf(node.module), node.temperature, up, content, String(node.level)]);
    } else {
      const inputs = Object.fromEntries(
        node.files.map((need) => [`of-n${need}.txt`, `n${need} has ${this.expected(need, known)}\n`]),
      );
      if (node.file !== undefined) inputs[`f${node.file}.txt`] = content;
      number = this.#result(node, [`cmd ${node.temperature} ${up.join(' ')}`, inputs, String(node.level)]);
    }
    known.set(i, number);
    return number;
  }

  #node(job: string): Node {
    return this.nodes[Number(job.slice(1))] as Node;
  }

  #result(node: Node, of: unknown): number {
    const number = Number.parseInt(hash('sha256', JSON.stringify([node.name, of])).slice(0, 8), 16);
    return node.coarse ? number % 2 : number;
  }

  #codeOf(module: number): readonly number[] {
    const { packages } = this.#spec.modules[module] as WorldSpec['modules'][number];
    return [
      ...[...this.#closure(module)].sort((a, b) => a - b).map((helper) => this.#helpers[helper] as number),
      ...packages.map((each) => this.#packages[each] as number),
    ];
  }

  #closure(module: number): ReadonlySet<number> {
    const found = new Set(this.#spec.modules[module]?.helpers);
    for (const helper of found) for (const next of this.#spec.helpers[helper] ?? []) found.add(next);
    return found;
  }

  // ---- edits -----------------------------------------------------------------------------------

  /** Changes something; `outputOf` says where the output of a job lies now. */
  edit({ kind, at }: Edit, outputOf: (node: number) => string | undefined): Effect {
    this.#last += 1;
    const node = this.nodes[at % this.nodes.length] as Node;
    switch (kind) {
      case 'helper':
        return this.#editHelper(at % HELPERS);
      case 'comment':
        this.#writeHelper(at % HELPERS, `// seen ${this.#last} times\n\n`);
        this.#writeModule(at % this.#spec.modules.length, `/* ${this.#last} */   `);
        return NOTHING;
      case 'package':
        return this.#editPackage(at % PACKAGES);
      case 'touch':
        utimesSync(join(this.#folder, `data/f${at % FILES}.txt`), new Date(), new Date());
        return NOTHING;
      case 'same-mtime':
        return this.#editFile(at % FILES);
      case 'argument':
        return this.#change(node, 'temperature', node.kind === 'call' ? 'argument temperature: ' : 'command: ');
      case 'environment':
        return this.#change(node, 'level', 'environment LEVEL changed');
      case 'resources':
        node.cpus = 1 + (this.#last % 4);
        return NOTHING;
      case 'output':
      case 'truncate':
        return this.#spoil(at % this.nodes.length, kind, outputOf);
      case 'undo':
        this.#undo.pop()?.();
        return NOTHING;
    }
  }

  #editHelper(i: number): Effect {
    const before = this.#helpers[i] as number;
    this.#setHelper(i, this.#last);
    this.#undo.push(() => this.#setHelper(i, before));
    return this.#calls((module) => this.#closure(module).has(i), `code of ./lib/h${i}.ts changed`);
  }

  #setHelper(i: number, value: number): void {
    this.#helpers[i] = value;
    this.#writeHelper(i);
  }

  #editPackage(i: number): Effect {
    this.#packages[i] = this.#last;
    this.#writeLock();
    return this.#calls((module) => this.#spec.modules[module]?.packages.includes(i) === true, `package p${i} changed`);
  }

  /** Another content of the same length, under the same time of modification. */
  #editFile(i: number): Effect {
    const path = join(this.#folder, `data/f${i}.txt`);
    const { atime, mtime } = statSync(path);
    this.#files[i] = `content ${i} ${String(this.#last).padStart(6, '0')}\n`;
    writeFileSync(path, this.#files[i]);
    utimesSync(path, atime, mtime);
    const touched = this.nodes.filter(({ file }) => file === i);
    // Each kind says it in its own words.
    const names = new Set(touched.map(({ name }) => name));
    return { touched: names, says: ` changed` };
  }

  #change(node: Node, what: 'temperature' | 'level', says: string): Effect {
    const before = node[what];
    node[what] = 1000 + this.#last;
    this.#undo.push(() => {
      node[what] = before;
    });
    return { touched: new Set([node.name]), says };
  }

  #spoil(i: number, kind: 'output' | 'truncate', outputOf: (node: number) => string | undefined): Effect {
    const path = outputOf(i);
    if (path === undefined) return NOTHING;
    const { atime, mtime } = statSync(path);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, kind === 'truncate' ? text.slice(1) : text.replace(/^./, (c) => (c === 'x' ? 'y' : 'x')));
    utimesSync(path, atime, mtime);
    return { touched: new Set(), says: `its output ${basename(path)}` };
  }

  #calls(test: (module: number) => boolean, says: string): Effect {
    const touched = this.nodes.filter(({ kind, module }) => kind === 'call' && test(module));
    return { touched: new Set(touched.map(({ name }) => name)), says };
  }

  // ---- files -----------------------------------------------------------------------------------

  #writeHelper(i: number, comment = ''): void {
    const imports = (this.#spec.helpers[i] ?? []).map((next) => `import { h${next} } from './h${next}.ts';\n`);
    const uses = (this.#spec.helpers[i] ?? []).map((next) => ` + h${next}`);
    this.#write(
      `lib/h${i}.ts`,
      `${comment}${imports.join('')}export const h${i}: number = ${this.#helpers[i]}${uses.join('')};\n`,
    );
  }

  #writeModule(i: number, comment = ''): void {
    const { helpers, packages } = this.#spec.modules[i] as WorldSpec['modules'][number];
    const imports = helpers.map((helper) => `import { h${helper} } from './lib/h${helper}.ts';\n`);
    const needs = packages.map((each) => `import p${each} from 'p${each}';\n`);
    const sum = [...helpers.map((helper) => `h${helper}`), ...packages.map((each) => `p${each}`), '0'].join(' + ');
    this.#write(`m${i}.ts`, `${comment}${imports.join('')}${needs.join('')}export const f = (): number => ${sum};\n`);
  }

  #writeLock(): void {
    const packages = Object.fromEntries(
      this.#packages.map((version, i) => [`node_modules/p${i}`, { version: `1.0.${version}` }]),
    );
    this.#write('package-lock.json', JSON.stringify({ lockfileVersion: 3, packages }));
  }

  #write(path: string, text: string): void {
    const place = join(this.#folder, path);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, text);
  }
}

function levelOf({ environment }: ResolvedWork): string {
  return environment?.['LEVEL'] ?? '';
}
