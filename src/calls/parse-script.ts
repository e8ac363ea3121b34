import { createRequire, stripTypeScriptTypes } from 'node:module';
import type * as Acorn from 'acorn';
import type { Options, Program } from 'acorn';

let acorn: typeof Acorn | undefined;

/** Parses JavaScript. The parser is loaded when it is first wanted: workers that only run calls never do. */
export function parseScript(source: string, options: Partial<Options>): Program {
  acorn ??= createRequire(import.meta.url)('acorn') as typeof Acorn;
  return acorn.parse(source, { ecmaVersion: 'latest', allowHashBang: true, ...options });
}

/**
 * TypeScript without its types, each character where it was, as Node itself runs it.
 *
 * @throws SyntaxError for what is more than types: enums and the like
 */
export function stripTypes(source: string): string {
  // Node's own loading of TypeScript does the same and says nothing; only this way in calls itself experimental.
  // oxlint-disable-next-line typescript/unbound-method -- it is put back as it was
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** A script, parsed, and the texts of its tokens: what is left when comments and white space are taken away. */
export function tokenize(
  source: string,
  options: Partial<Options>,
): { readonly program: Program; readonly tokens: readonly string[] } {
  const tokens: string[] = [];
  const program = parseScript(source, {
    ...options,
    onToken: ({ start, end }) => tokens.push(source.slice(start, end)),
  });
  return { program, tokens };
}

/** As the body of a CommonJS module is parsed. */
export const COMMONJS: Partial<Options> = {
  sourceType: 'script',
  allowReturnOutsideFunction: true,
  allowAwaitOutsideFunction: true,
};

export const MODULE: Partial<Options> = { sourceType: 'module' };
