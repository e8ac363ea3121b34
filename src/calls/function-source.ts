import type { FreeName } from './free-variables.ts';
import type { FoundFunction } from './scopes.ts';

/** A function's text as one expression, and which of its free names the text brings along. */
export interface FunctionSource {
  readonly text: string;
  readonly brings: ReadonlySet<string>;
}

/** What compilers put around functions, and into those inside of them: esbuild calls this one to keep names. */
const HELPERS: ReadonlyMap<string, string> = new Map([
  ['__name', "(target, value) => Object.defineProperty(target, 'name', { value, configurable: true })"],
]);

/** Writes a function out of the text of its script as one expression. */
export function sourceOf(
  source: string,
  found: FoundFunction,
  { name, free }: { readonly name: string; readonly free: readonly FreeName[] },
): FunctionSource {
  const expression = expressionOf(source, found, name);
  const names = new Set(free.map((one) => one.name));
  const helpers = [...HELPERS].filter(([helper]) => names.has(helper));
  const self = ownConstant(found);
  const knowsItself = self !== undefined && names.has(self);
  if (helpers.length === 0 && !knowsItself) return { text: expression, brings: new Set() };
  const declared = helpers.map(([helper, text]) => `const ${helper} = ${text};`);
  const written = knowsItself ? `const ${self} = ${expression}; return ${self};` : `return ${expression};`;
  return {
    text: `(() => { ${[...declared, written].join(' ')} })()`,
    brings: new Set([...helpers.map(([helper]) => helper), ...(knowsItself ? [self] : [])]),
  };
}

/** A method is written as a method again: as a function of its name it would hide a global of that name from itself. */
function expressionOf(source: string, { node, ancestors }: FoundFunction, name: string): string {
  const text = source.slice(node.start, node.end);
  const parent = ancestors.at(-1);
  const isMethod =
    parent?.type === 'MethodDefinition' || (parent?.type === 'Property' && (parent.method || parent.kind !== 'init'));
  if (!isMethod || node.start === parent.start) return text;
  const key = JSON.stringify(name.replace(/^(?:get|set) /, '') || 'method');
  return `({ ${node.async ? 'async ' : ''}${node.generator ? '*' : ''}[${key}]${text} })[${key}]`;
}

/** The constant a function is the whole value of: it may call itself by it. */
function ownConstant({ node, ancestors }: FoundFunction): string | undefined {
  const [declaration, declarator] = ancestors.slice(-2);
  if (declarator?.type !== 'VariableDeclarator' || declarator.init !== node) return undefined;
  if (declaration?.type !== 'VariableDeclaration' || declaration.kind !== 'const') return undefined;
  return declarator.id.type === 'Identifier' ? declarator.id.name : undefined;
}
