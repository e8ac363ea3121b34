import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { installNode, TargetBox, targets } from './lab.ts';

/** Commands with files in and out, functions of modules, a file among a function's arguments, and a map of what is found. */
const FUNCTIONS = `
import { readFileSync } from 'node:fs';
import { filePath } from 'heddle';
export const lengths = (file) => readFileSync(filePath(file), 'utf8').trim().split('\\n').map((line) => line.length);
export const square = (n) => n * n;
export const told = (squares, bytes) => \`\${squares.join('+')} = \${squares.reduce((a, b) => a + b, 0)}; \${bytes} bytes\`;
`;
const FLOW = `
import { command, file, input, map, sh, task, text, workflow } from 'heddle';
import * as functions from './functions.js';

const [lengths, square, told] = ['lengths', 'square', 'told'].map((name) => task(name, functions[name]));
const shout = command('shout', {
  run: (p) => sh\`tr 'a-zäöü' 'A-ZÄÖÜ' < \${p.words} > loud.txt\`,
  outputs: { loud: file('loud.txt', { publish: 'loud.txt' }) },
});
const pack = command('pack', {
  run: (p) => sh\`{ printf '\\\\000\\\\377'; cat \${p.loud}; } > 'pack ü.bin' && wc -c < 'pack ü.bin' | tr -d ' \\\\n' > size\`,
  outputs: { packed: file('pack ü.bin', { publish: 'pack ü.bin' }), size: text('size') },
});

export default workflow('small', () => {
  const { loud } = shout({ words: input('words.txt') });
  const { size } = pack({ loud });
  return { told: told(map(lengths(loud), (n) => square(n)), size) };
});
`;

interface Results {
  readonly stdout: string;
  readonly loud: Buffer;
  readonly packed: Buffer;
}

async function runOn(...flags: readonly string[]): Promise<Results> {
  await using box = new TargetBox();
  box.write('words.txt', 'one\nthree\nzwölf\n');
  box.write('functions.js', FUNCTIONS);
  box.write('flow.js', FLOW);
  const ended = await box.heddle('run', 'flow.js', ...flags);
  if (ended.code !== 0) throw new Error(`ended with ${ended.code}: ${ended.stdout}${ended.stderr}`);
  const read = (name: string): Buffer => readFileSync(join(box.folder, 'results', name));
  return { stdout: ended.stdout, loud: read('loud.txt'), packed: read('pack ü.bin') };
}

describe('one workflow', () => {
  let here: Results;
  beforeAll(async () => {
    await installNode();
    here = await runOn();
  });

  test('has results here', () => {
    expect(here.stdout).toMatch(/^9\+25\+\d+ = \d+; \d+ bytes$/m);
    expect(here.packed.subarray(0, 5)).toEqual(Buffer.from('\0\xffONE', 'latin1'));
  });

  test.concurrent.each(Object.keys(targets))('has the same results, byte for byte, on %s', async (target) => {
    expect(await runOn('--backend', target)).toEqual(here);
  });
});
