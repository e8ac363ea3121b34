import { createRequire } from 'node:module';
import type * as Acorn from 'acorn';
import type { Options, Program } from 'acorn';

let acorn: typeof Acorn | undefined;

/** Parses JavaScript. The parser is loaded when it is first wanted: workers that only run calls never do. */
export function parseScript(source: string, options: Partial<Options>): Program {
  acorn ??= createRequire(import.meta.url)('acorn') as typeof Acorn;
  return acorn.parse(source, { ecmaVersion: 'latest', allowHashBang: true, ...options });
}

/** The kinds and texts of the tokens of JavaScript: what is left when comments and white space are taken away. */
export function tokensOf(source: string, options: Partial<Options>): readonly string[] {
  const tokens: string[] = [];
  parseScript(source, {
    ...options,
    onToken: ({ start, end }) => tokens.push(source.slice(start, end)),
  });
  return tokens;
}

/** As the body of a CommonJS module is parsed. */
export const COMMONJS: Partial<Options> = {
  sourceType: 'script',
  allowReturnOutsideFunction: true,
  allowAwaitOutsideFunction: true,
};

export const MODULE: Partial<Options> = { sourceType: 'module' };
