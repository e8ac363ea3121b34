import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { threadsBackend } from '../../../src/backends/threads/index.ts';
import { call, Lanes } from './harness.ts';

const MODULE = `
  import { AfterClock, commandTemplate, Engine, HeddleError, launcher, LocalJob, LOG_LEVELS, task, ThreadJob } from 'heddle';

  class Doubled extends ThreadJob {
    constructor(value) {
      super(Math.max, [value, value * 2]);
    }
  }
  const add = launcher((a, b) => a + b, { name: 'add' });
  const count = commandTemplate('wc -l {text}');
  export const double = task('double', (x) => x * 2);

  export function use() {
    const job = new Doubled(2);
    return [
      job instanceof Doubled, job instanceof ThreadJob, job instanceof LocalJob, job.name,
      new ThreadJob(Math.max, [1]) instanceof ThreadJob, add.label, typeof count, LOG_LEVELS.length,
      Engine.name, 'open' in Engine, double.run(4),
    ];
  }
  export function wrong() {
    try {
      return new AfterClock('25:00');
    } catch (error) {
      return [error instanceof HeddleError, HeddleError.is(error), error.code];
    }
  }
`;

test('what a module uses of heddle in a lane is what it is elsewhere', async () => {
  await using lanes = await Lanes.open(threadsBackend({ slots: 1 }));
  const file = join(lanes.project, 'module.mjs');
  writeFileSync(file, MODULE);

  expect(await lanes.value(call(file, 'use'))).toEqual([
    ...[true, true, false, 'max', true, 'add', 'object', 4],
    ...['Engine', true, 8],
  ]);
  expect(await lanes.value(call(file, 'wrong'))).toEqual([true, true, 'INPUT_INVALID']);
});
