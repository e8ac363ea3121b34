import { existsSync, mkdirSync, readFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fileLines, runIdOf, type Started } from '../../integration/cli/harness.ts';
import { TargetBox, targets } from './lab.ts';

/** Three commands that say in a ledger when they begin, that they were told to end, and when they have ended: each when its `go` is there. */
const FLOW = `
import { command, sh, text, workflow } from 'heddle';
const work = command('work', {
  run: (p) => sh\`n=\${p.n} at=\${p.at}
echo "began $n" >> "$at/ledger"
trap 'echo "told $n" >> "$at/ledger"; exit 3' TERM
until test -e "$at/go-$n"; do sleep 0.1; done
echo "ended $n" >> "$at/ledger"
echo "value $n" > value\`,
  outputs: { value: text('value') },
  // The hosts have as many cpus as this machine.
  resources: { cpus: 0.5 },
  grace: '20s',
});
export default workflow('long', (p) => [1, 2, 3].map((n) => work({ n, at: p.at }).value));
`;

class Ledger {
  readonly at: string;

  constructor(box: TargetBox) {
    this.at = join(box.folder, 'ledger of all');
    mkdirSync(this.at);
    chmodSync(this.at, 0o777);
    box.write('flow.js', FLOW);
  }

  /** Lets one go on. */
  go(box: TargetBox, n: number): void {
    box.write(`ledger of all/go-${n}`, '');
  }

  async lines(count: number): Promise<readonly string[]> {
    return (await fileLines(join(this.at, 'ledger'), count)).toSorted();
  }

  now(): readonly string[] {
    const path = join(this.at, 'ledger');
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').toSorted() : [];
  }
}

const VALUES = ['value 1\n', 'value 2\n', 'value 3\n'];

describe.concurrent.each(Object.keys(targets).filter((name) => ['slurm', 'grid', 'host'].includes(name)))(
  '%s',
  (target) => {
    async function atWork(box: TargetBox, ledger: Ledger): Promise<{ readonly run: Started; readonly id: string }> {
      const run = box.startHeddle('run', 'flow.js', '--backend', target, '-p', `at=${ledger.at}`, '--json');
      const id = await runIdOf(run);
      await ledger.lines(3);
      return { run, id };
    }

    test('takes up again what ran when heddle was killed, and runs nothing twice', async () => {
      await using box = new TargetBox();
      const ledger = new Ledger(box);
      const { run, id } = await atWork(box, ledger);

      run.process.kill('SIGKILL');
      await run.ended;
      // One ends while nobody looks.
      ledger.go(box, 1);
      await ledger.lines(4);
      const resumed = box.startHeddle('resume', '--json');
      ledger.go(box, 2);
      ledger.go(box, 3);
      const { code, stdout, stderr } = await resumed.ended;

      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ run: id, status: 'done', counts: { done: 3 }, result: VALUES });
      expect(ledger.now()).toEqual(['began 1', 'began 2', 'began 3', 'ended 1', 'ended 2', 'ended 3']);
    });

    test('is told to end by Ctrl-C, and begins again with resume', async () => {
      await using box = new TargetBox();
      const ledger = new Ledger(box);
      const { run, id } = await atWork(box, ledger);

      run.process.kill('SIGINT');
      const ended = await run.ended;

      expect(ended.code, ended.stderr).toBe(130);
      expect(JSON.parse(ended.stdout)).toMatchObject({
        run: id,
        status: 'pending',
        counts: { pending: 3, running: 0 },
      });
      expect(ledger.now()).toEqual(['began 1', 'began 2', 'began 3', 'told 1', 'told 2', 'told 3']);
      for (const n of [1, 2, 3]) ledger.go(box, n);
      expect(await box.read('resume')).toMatchObject({ run: id, status: 'done', result: VALUES });
      expect(ledger.now().filter((line) => line.startsWith('began'))).toHaveLength(6);
    });
  },
);
