import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  command,
  Engine,
  type EngineOpenOptions,
  file,
  type Graph,
  input,
  json,
  map,
  type RunHandle,
  sh,
  task,
  workflow,
} from '../../../src/index.ts';
import { acceptResults, explainCache, mayReuse, type PlannedJob, planGraph } from '../../../src/jobs/index.ts';
import type { CommandValue, FileValue } from '../../../src/model/index.ts';
import { systemClock } from '../../../src/process/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';

let folder: string;
let store: string;
beforeEach(() => {
  folder = ownFolder('caching');
  store = join(folder, '.heddle');
  write('reads.txt', 'acgt\n');
});
afterEach(async () => giveBack(folder));

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

interface StudyOptions {
  readonly report?: string;
  readonly temporary?: boolean;
  readonly level?: string;
}

/** reads.txt -> sorted.txt (perhaps temporary) -> two reports. Each job writes its name into a ledger, so that it shows what ran. */
function study({ report = 'cat', temporary = false, level = '1' }: StudyOptions = {}): Graph {
  const ledger = join(folder, 'ledger');
  const environment = { LEVEL: level };
  const order = command('order', {
    run: () => sh`echo order >> ${ledger}; sort ${input('reads.txt')} > sorted.txt`,
    outputs: { sorted: file('sorted.txt', { temporary }) },
    cache: true,
  });
  const tell = command('tell', {
    run: (p: { sorted: FileValue }) => sh`echo tell >> ${ledger}; ${report} ${p.sorted} > report.txt; echo 5 > n.json`,
    outputs: { report: file('report.txt', { publish: 'report.txt' }), n: json<number>('n.json') },
    environment,
    cache: true,
  });
  const count = command('count', {
    run: (p: { sorted: FileValue }) => sh`echo count >> ${ledger}; wc -c < ${p.sorted} > n.json`,
    outputs: { n: json<number>('n.json') },
    cache: true,
  });
  return workflow('study', () => {
    const { sorted } = order();
    return { n: count({ sorted }).n, m: tell({ sorted }).n };
  }).build();
}

function open(options: EngineOpenOptions = {}): Promise<Engine> {
  return Engine.open({ store, project: folder, ...options });
}

/** Runs a graph in an engine of its own, and says which jobs really ran. */
async function run(graph: Graph, options: { readonly cache?: boolean } = {}): Promise<Ran> {
  rmSync(join(folder, 'ledger'), { force: true });
  await using engine = await open();
  const handle = await engine.run(graph, options);
  const { status } = await handle.wait();
  expect(status).toBe('done');
  const ledger = join(folder, 'ledger');
  const ran = existsSync(ledger) ? readFileSync(ledger, 'utf8').trim().split('\n').toSorted() : [];
  return { ran, handle, why: await whys(engine, graph, handle) };
}

interface Ran {
  readonly ran: readonly string[];
  readonly handle: RunHandle;
  readonly why: readonly (string | undefined)[];
}

async function whys(engine: Engine, graph: Graph, { id }: RunHandle): Promise<readonly (string | undefined)[]> {
  const said = [];
  for (let index = 0; index < graph.size; index += 1) said.push((await explainCache(engine.store, id, index))?.because);
  return said;
}

async function plan(graph: Graph): Promise<readonly Pick<PlannedJob, 'action' | 'because'>[]> {
  await using engine = await open();
  const options = { store: engine.store, clock: systemClock, directory: store, project: folder };
  return (await planGraph(graph, options)).map(({ action, because }) => ({ action, because }));
}

async function outputOf(handle: RunHandle, index: number, output: string): Promise<string> {
  await using engine = await open();
  const [value] = await engine.store.values(handle.id, [index]);
  const { outputs } = JSON.parse(value?.codec === 'json' ? value.json : '') as CommandValue;
  return join(store, outputs[output]?.at ?? '');
}

test('a second run takes what the first has made, to the letter, and is counted', async () => {
  const first = await run(study());
  const second = await run(study());

  expect(first.ran).toEqual(['count', 'order', 'tell']);
  expect(second.ran).toEqual([]);
  await using engine = await open();
  expect(await engine.store.values(second.handle.id, [0, 1, 2])).toEqual(
    await engine.store.values(first.handle.id, [0, 1, 2]),
  );
  expect(await engine.store.fingerprints?.countReused(second.handle.id)).toBe(3);
  expect(await engine.store.fingerprints?.dependents(first.handle.id)).toEqual([second.handle.id]);
});

describe('F47: a cached result whose output was spoiled is not taken', () => {
  const spoilt: readonly [string, string, (path: string) => void][] = [
    ['edited by hand', 'was edited', (path) => writeFileSync(path, 'more than before\n')],
    ['truncated', 'was edited', (path) => truncateSync(path, 1)],
    ['removed', 'is gone', (path) => rmSync(path)],
    [
      'of other content under the same size and time',
      'was edited',
      (path) => {
        // To the nanosecond, which Node can't set.
        const then = join(folder, 'then');
        execFileSync('touch', ['-r', path, then]);
        const { mtimeNs } = statSync(path, { bigint: true });
        writeFileSync(path, readFileSync(path, 'utf8').replace(/^./, 'X'));
        execFileSync('touch', ['-r', then, path]);
        expect(statSync(path, { bigint: true }).mtimeNs).toBe(mtimeNs);
      },
    ],
  ];

  /** Looks until the store knows all outputs again by what the file system says of them. */
  async function lookAt({ id }: RunHandle): Promise<void> {
    await using engine = await open();
    const options = { store: engine.store, clock: systemClock, directory: store, project: folder };
    do await planGraph(study(), options);
    while ((await engine.store.fingerprints?.outputStates(id, [0, 1, 2]))?.includes(undefined) === true);
  }

  test.each(
    spoilt.flatMap(([what, says, spoil]) => [
      { what, says, spoil, isKnown: false },
      { what: `${what}, after it was looked at`, says, spoil, isKnown: true },
    ]),
  )('$what', async ({ says, spoil, isKnown }) => {
    const { handle } = await run(study());
    if (isKnown) await lookAt(handle);
    spoil(await outputOf(handle, 2, 'report'));

    const planned = await plan(study());
    const again = await run(study());

    expect(planned.map(({ action }) => action)).toEqual(['reuse', 'reuse', 'run']);
    expect(planned[2]?.because).toContain(`its output report.txt, of ${handle.id}/tell-1, ${says}`);
    expect(again.ran).toEqual(['tell']);
    expect(again.why[2]).toBe(planned[2]?.because);
    expect((await run(study())).ran).toEqual([]);
  });

  test('one that was touched, and holds what it held, is taken', async () => {
    const { handle } = await run(study());
    await lookAt(handle);
    utimesSync(await outputOf(handle, 2, 'report'), new Date(), new Date());

    expect((await run(study())).ran).toEqual([]);
  });
});

describe('temporary files', () => {
  test('are deleted when all who take them are done, and nothing runs for their sake', async () => {
    const { handle } = await run(study({ temporary: true }));

    expect(existsSync(await outputOf(handle, 0, 'sorted'))).toBe(false);
    expect((await run(study({ temporary: true }))).ran).toEqual([]);
  });

  test('are made again when somebody who takes them must run, and deleted again', async () => {
    await run(study({ temporary: true }));
    const graph = study({ temporary: true, report: 'rev' });

    const planned = await plan(graph);
    const again = await run(graph);

    expect(planned.map(({ action }) => action)).toEqual(['run', 'depends', 'run']);
    expect(planned[0]?.because).toBe('a temporary output of it is needed again, by tell-1');
    expect(again.ran).toEqual(['order', 'tell']);
    expect(again.why).toEqual([
      'a temporary output of it is needed again, by tell-1',
      expect.stringContaining('its result was taken'),
      "command: 'cat' -> 'rev'",
    ]);
    expect(existsSync(await outputOf(again.handle, 0, 'sorted'))).toBe(false);
  });

  test('of nobody are deleted when their job is done; what the workflow returns and what is published stays', async () => {
    const graph = (): Graph =>
      workflow('untaken', () => {
        const cut = command('cut', {
          run: () =>
            sh`echo cut >> ${join(folder, 'ledger')}; for f in a b c; do echo $f > $f.txt; done; echo 3 > n.json`,
          outputs: {
            scrap: file('a.txt', { temporary: true }),
            kept: file('b.txt', { temporary: true }),
            shown: file('c.txt', { temporary: true }).publish('c.txt'),
            n: json<number>('n.json'),
          },
          cache: true,
        });
        const { kept, n } = cut();
        return { kept, n };
      }).build();

    const { handle } = await run(graph());

    expect(existsSync(await outputOf(handle, 0, 'scrap'))).toBe(false);
    expect(existsSync(await outputOf(handle, 0, 'kept'))).toBe(true);
    expect(readFileSync(join(folder, 'results/c.txt'), 'utf8')).toBe('c\n');
    expect((await run(graph())).ran).toEqual([]);
  });

  test('of a task that is never reused are deleted too, and a resume runs nothing for their sake', async () => {
    const graph = workflow('stopped', () => {
      const make = command('make', {
        run: () => sh`echo make >> ${join(folder, 'ledger')}; echo 1 > big.txt; echo 1 > n.json`,
        outputs: { big: file('big.txt', { temporary: true }), n: json<number>('n.json') },
      });
      const wait = command('wait', {
        run: (p: { n: number }) =>
          sh`echo wait ${p.n} >> ${join(folder, 'ledger')}; [ -e ${join(folder, 'go')} ] && echo 2 > n.json`,
        outputs: { n: json<number>('n.json') },
      });
      return wait({ n: make().n }).n;
    }).build();
    let id = '';
    {
      await using engine = await open();
      const handle = await engine.run(graph);
      expect((await handle.wait()).status).toBe('failed');
      id = handle.id;
    }
    expect(existsSync(await outputOf({ id } as RunHandle, 0, 'big'))).toBe(false);
    write('go', '');

    await using engine = await open();
    const { status } = await (await engine.retry(id)).wait();

    expect(status).toBe('done');
    expect(readFileSync(join(folder, 'ledger'), 'utf8')).toBe('make\nwait 1\nwait 1\n');
  });

  test('are made again where the workflow returns them', async () => {
    const returns = (): Graph => {
      const order = command('order', {
        run: () => sh`echo order >> ${join(folder, 'ledger')}; sort ${input('reads.txt')} > sorted.txt`,
        outputs: { sorted: file('sorted.txt', { temporary: true }) },
        cache: true,
      });
      return workflow('returns', () => order().sorted).build();
    };
    await run(study({ temporary: true }));

    expect(await plan(returns())).toMatchObject([{ action: 'run', because: expect.stringContaining('is gone') }]);
    const { ran, handle } = await run(returns());

    expect(ran).toEqual(['order']);
    expect(existsSync(await outputOf(handle, 0, 'sorted'))).toBe(true);
    expect((await run(returns())).ran).toEqual([]);
  });

  test('stay while another run that has taken them is at it, and go when that is over', async () => {
    const waiting = (name: string): Graph => {
      const order = command('order', {
        run: () => sh`sort ${input('reads.txt')} > sorted.txt`,
        outputs: { sorted: file('sorted.txt', { temporary: true }) },
        cache: true,
      });
      const tell = command('tell', {
        run: (p: { sorted: FileValue }) =>
          sh`touch ${join(folder, `${name}.begun`)}; while [ ! -e ${join(folder, `${name}.go`)} ]; do sleep 0.02; done; cat ${p.sorted} > n.json; echo 1 > n.json`,
        outputs: { n: json<number>('n.json') },
      });
      return workflow(name, () => tell({ sorted: order().sorted }).n).build();
    };
    const begun = async (name: string): Promise<void> => {
      while (!existsSync(join(folder, `${name}.begun`))) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const sorted = async (engine: Engine, { id }: RunHandle): Promise<string> => {
      const [value] = await engine.store.values(id, [0]);
      const { outputs } = JSON.parse(value?.codec === 'json' ? value.json : '') as CommandValue;
      return join(store, outputs['sorted']?.at ?? '');
    };
    await using engine = await open();
    const first = await engine.run(waiting('first'));
    await begun('first');
    const options = { store: engine.store, clock: systemClock, directory: store, project: folder };
    while ((await planGraph(waiting('second'), options))[0]?.action !== 'reuse');
    const second = await engine.run(waiting('second'));
    await begun('second');
    expect(await engine.store.fingerprints?.dependents(first.id)).toEqual([second.id]);

    write('first.go', '');
    expect((await first.wait()).status).toBe('done');
    // Time enough for what comes of its end.
    expect((await (await engine.run(study())).wait()).status).toBe('done');
    const path = await sorted(engine, second);
    expect(existsSync(path)).toBe(true);
    write('second.go', '');

    expect((await second.wait()).status).toBe('done');
    await engine[Symbol.asyncDispose]();
    expect(existsSync(path)).toBe(false);
  });

  test('in a map are deleted but for those it returns', async () => {
    const graph = workflow('mapped', () => {
      const sort = command('sort', {
        run: (p: { sample: string }) =>
          sh`echo sort >> ${join(folder, 'ledger')}; echo ${p.sample} > sorted.txt; echo ${p.sample} > log.txt`,
        outputs: { sorted: file('sorted.txt', { temporary: true }), log: file('log.txt', { temporary: true }) },
        cache: true,
      });
      const count = command('count', {
        run: (p: { sorted: FileValue }) => sh`wc -c < ${p.sorted} > n.json`,
        outputs: { n: json<number>('n.json') },
        cache: true,
      });
      return map(['a', 'b'], (sample) => {
        const { sorted, log } = sort({ sample });
        return { n: count({ sorted }).n, log };
      });
    }).build();

    await using engine = await open();
    const handle = await engine.run(graph);
    const result = (await handle.result()) as readonly { readonly n: number; readonly log: FileValue }[];
    await engine[Symbol.asyncDispose]();

    expect(result.map(({ n }) => n)).toEqual([2, 2]);
    const left = readdirSync(store, { recursive: true, encoding: 'utf8' })
      .filter((path) => lstatSync(join(store, path)).isFile())
      .map((path) => basename(path));
    expect(left.filter((name) => name === 'sorted.txt')).toEqual([]);
    expect(left.filter((name) => name === 'log.txt')).toHaveLength(2);
    expect((await run(graph)).ran).toEqual([]);
  });

  test('stay while somebody who takes them has not ended well', async () => {
    await using engine = await open();
    const handle = await engine.run(study({ temporary: true, report: 'false' }));
    await handle.wait();

    expect((await handle.wait()).status).toBe('failed');
    const [value] = await engine.store.values(handle.id, [0]);
    const { outputs } = JSON.parse(value?.codec === 'json' ? value.json : '') as CommandValue;
    expect(existsSync(join(store, outputs['sorted']?.at ?? ''))).toBe(true);
  });
});

describe('of what a control node becomes', () => {
  /** Two samples, each sorted; only the task in the body may be reused. */
  function mapped(samples: readonly string[]): Graph {
    const sort = command('sort', {
      run: (p: { sample: string }) => sh`echo ${p.sample} >> ${join(folder, 'ledger')}; echo 1 > n.json`,
      outputs: { n: json<number>('n.json') },
      cache: true,
    });
    return workflow('mapped', () => map(samples, (sample) => sort({ sample }).n)).build();
  }

  test('each job takes its earlier result, and an element that is new runs', async () => {
    const { handle } = await run(mapped(['a', 'b']));
    const again = await run(mapped(['a', 'b']));
    const more = await run(mapped(['a', 'b', 'c']));

    expect([again.ran, more.ran]).toEqual([[], ['c']]);
    await using engine = await open();
    expect(await engine.store.fingerprints?.dependents(handle.id)).toEqual([again.handle.id, more.handle.id]);
  });

  test('it is seen that some of it may be reused, however deep it stands', () => {
    const plain = task('plain', (x: number) => x);
    const kept = task('kept', (x: number) => x, { cache: true });
    const deep = (inner: typeof plain): Graph =>
      workflow('deep', () => map([[1]], (row) => map(row, (x) => inner(x)))).build();

    expect([mayReuse(deep(plain)), mayReuse(deep(kept))]).toEqual([false, true]);
  });
});

test('what is published is published again where it is missing, though nothing runs', async () => {
  await run(study());
  rmSync(join(folder, 'results/report.txt'));

  expect((await run(study())).ran).toEqual([]);
  expect(readFileSync(join(folder, 'results/report.txt'), 'utf8')).toBe('acgt\n');
});

test('an input that is changed while its job runs is not taken for what made the result', async () => {
  const waits = (): Graph =>
    workflow('waits', () => {
      const copy = command('copy', {
        run: () =>
          sh`cat ${input('reads.txt')} > out.txt; touch ${join(folder, 'begun')}; while [ ! -e ${join(folder, 'go')} ]; do sleep 0.02; done`,
        outputs: { out: file('out.txt') },
        cache: true,
      });
      return copy().out;
    }).build();
  await using engine = await open();
  const handle = await engine.run(waits());
  while (!existsSync(join(folder, 'begun'))) await new Promise((resolve) => setTimeout(resolve, 5));
  write('reads.txt', 'tttt\n');
  write('go', '');
  await handle.wait();

  const options = { store: engine.store, clock: systemClock, directory: store, project: folder };
  expect((await planGraph(waits(), options)).map(({ action }) => action)).toEqual(['run']);
  write('reads.txt', 'acgt\n');
  expect((await planGraph(waits(), options)).map(({ action }) => action)).toEqual(['run']);
});

test('cache off takes nothing and writes nothing down; cache on takes for granted what no task says', async () => {
  await run(study());

  expect((await run(study(), { cache: false })).ran).toEqual(['count', 'order', 'tell']);
  expect((await run(study(), { cache: true })).ran).toEqual([]);
});

test('who asks for a job to be run again gets it run', async () => {
  await run(study());
  await using engine = await open();
  rmSync(join(folder, 'ledger'));
  const handle = await engine.run(study());
  await handle.wait();

  await handle.control.rerun(['count-1']);
  await handle.wait();

  expect(readFileSync(join(folder, 'ledger'), 'utf8')).toBe('count\n');
});

describe('accept', () => {
  async function accept(graph: Graph, jobs?: readonly string[]): Promise<readonly string[]> {
    await using engine = await open();
    const { accepted } = await acceptResults(graph, {
      ...{ store: engine.store, clock: systemClock, directory: store, project: folder },
      ...(jobs === undefined ? {} : { jobs: new Set(jobs) }),
    });
    return accepted.map(({ job, because }) => `${job}: ${because}`);
  }

  test('lets results stand after a change without effect', async () => {
    await run(study());

    expect(await accept(study({ level: '2' }))).toEqual(['tell-1: environment LEVEL changed']);
    expect((await run(study({ level: '2' }))).ran).toEqual([]);
    expect((await run(study())).ran).toEqual([]);
  });

  test('takes another command only for a job that is named', async () => {
    await run(study());

    expect(await accept(study({ report: 'head' }))).toEqual([]);
    expect(await accept(study({ report: 'head' }), ['tell-1'])).toEqual([expect.stringContaining('tell-1: command: ')]);
    expect((await run(study({ report: 'head' }))).ran).toEqual([]);
  });

  test('does not take what was spoiled', async () => {
    const { handle } = await run(study());
    truncateSync(await outputOf(handle, 2, 'report'), 0);

    expect(await accept(study({ level: '2' }))).toEqual([]);
  });
});
