import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';

const SOURCES = new URL('../../../src/index.ts', import.meta.url).href;
const FACTOR = (value: number): string => `export const factor = ${value};\n`;
const WORK = `
  import { factor } from './factor.mjs';
  let calls = 0;
  export const times = (x) => [x * factor, (calls += 1)];
`;
/** Calls the same function of the same engine before and after what its module imports has changed on disk. */
const PROGRAM = `
  import { writeFileSync } from 'node:fs';
  import { Engine, ProcessJob, ThreadJob } from ${JSON.stringify(SOURCES)};
  import { times } from './work.mjs';
  const Kind = process.argv[2] === 'threads' ? ThreadJob : ProcessJob;
  await using engine = await Engine.open({ slots: 1 });
  const call = () => engine.execute(new Kind(times, [5]));
  const before = [await call(), await call()];
  writeFileSync(new URL('factor.mjs', import.meta.url), ${JSON.stringify(FACTOR(30))});
  let after = await call();
  // It is not looked at before every call.
  while (after[0] === 10) after = await call();
  console.log(JSON.stringify([...before, after, await call()]));
`;

test.each(['threads', 'processes'])(
  'code that has changed on disk runs in fresh %s, of one engine, and stays warm there',
  async (kind) => {
    const folder = ownFolder('changed');
    writeFileSync(join(folder, 'factor.mjs'), FACTOR(2));
    writeFileSync(join(folder, 'work.mjs'), WORK);
    writeFileSync(join(folder, 'program.mjs'), PROGRAM);

    const { stdout } = await promisify(execFile)(process.execPath, ['program.mjs', kind], { cwd: folder });

    expect(JSON.parse(stdout)).toEqual([
      [10, 1],
      [10, 2],
      [150, 1],
      [150, 2],
    ]);
    await giveBack(folder);
  },
);
