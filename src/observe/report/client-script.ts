import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { extname } from 'node:path';

/** The page's own code, in the order in which a file needs those before it. */
const FILES = ['page', 'timeline', 'charts', 'graph-view', 'job-table', 'main'];

/**
 * The code of the page, as one script: its files one after the other, without the words by which they know each other. Run from
 * source, their types are taken off here; the build has done that already.
 */
export function clientScript(): string {
  const extension = extname(import.meta.url);
  const parts = FILES.map((name) => {
    const text = readFileSync(new URL(`client/${name}${extension}`, import.meta.url), 'utf8');
    return withoutModuleWords(extension === '.ts' ? stripTypeScriptTypes(text) : text);
  });
  return `(() => {\n'use strict';\n${parts.join('\n')}})();\n`;
}

/** The style sheet of the page. */
export function pageStyle(): string {
  return readFileSync(new URL('page.css', import.meta.url), 'utf8');
}

function withoutModuleWords(text: string): string {
  return text
    .replace(/^import\s[^;]*?from\s+'[^']*';\s*$/gm, '')
    .replace(/^export (?=const|function|class)/gm, '')
    .replace(/^export \{[^}]*\};?\s*$/gm, '')
    .replace(/^\/\/# sourceMappingURL=.*$/gm, '')
    .replace(/[ \t]+$/gm, '')
    .replace(/\n{2,}/g, '\n');
}
