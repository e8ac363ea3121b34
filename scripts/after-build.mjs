/**
 * Completes what tsc left in dist/: takes away what no source stands behind any more, copies what is not TypeScript,
 * and checks that every file package.json promises is there.
 */
import { chmod, cp, glob, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const src = join(root, 'src');
const dist = join(root, 'dist');

const sources = new Set();
for await (const file of glob('**/*', { cwd: src, withFileTypes: false })) sources.add(file);

for await (const file of glob('**/*.{js,js.map,d.ts,d.ts.map,sh,sql,css}', { cwd: dist })) {
  const source = file.replace(/(\.js|\.d\.ts)(\.map)?$/, '.ts');
  if (!sources.has(source)) await rm(join(dist, file));
}

for (const file of sources) {
  if (!/\.(sh|sql|css)$/.test(file)) continue;
  await cp(join(src, file), join(dist, file));
  if (file.endsWith('.sh')) await chmod(join(dist, file), 0o755);
}

// The code of pages is text to the package: it loses its types, and is put into the page as it is.
const pages = 'observe/report/client';
await mkdir(join(dist, pages), { recursive: true });
for (const file of sources) {
  if (!file.startsWith(`${pages}/`) || !file.endsWith('.ts')) continue;
  const text = stripTypeScriptTypes(await readFile(join(src, file), 'utf8'));
  await writeFile(join(dist, file.replace(/\.ts$/, '.js')), text);
}

const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
for (const file of Object.values(manifest.bin)) await chmod(join(root, file), 0o755);

const promised = Object.values(manifest.exports).flatMap((entry) =>
  typeof entry === 'string' ? [entry] : Object.values(entry),
);
const missing = [];
for (const file of [
  ...promised,
  ...Object.values(manifest.bin),
  'dist/cli/main.js',
  'dist/calls/resolver.js',
  'dist/observe/report/client/main.js',
]) {
  await stat(join(root, file)).catch(() => missing.push(file));
}
if (missing.length > 0) {
  console.error(`the build left out ${missing.join(', ')}, which package.json or bin/ need`);
  process.exit(1);
}
