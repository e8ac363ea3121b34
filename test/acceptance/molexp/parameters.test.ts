import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, Engine, experiment, list, Param, project, runExperiment, sh, text, workflow } from 'heddle';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';

/** molexp: an experiment with parameters, whose `--temp 300 --pressure 1` reach the command. */

interface Conditions {
  readonly temperature: number;
  readonly pressure: number;
}

const prepare = command('prepare_simulation', {
  run: (p: Conditions) =>
    sh`sh ${project}/setup_simulation.sh --temp ${p.temperature} --pressure ${p.pressure} > prepared_system.inp`,
  outputs: { system: text('prepared_system.inp') },
});
const simulate = command('run_simulation', {
  run: (p: { system: string }) => sh`echo simulated ${p.system} > simulation_output.dat`,
  outputs: { output: text('simulation_output.dat') },
});

const study = workflow('parameter_study', (p: Conditions) => ({
  output: simulate({ system: prepare(p).system }).output,
}));

let folder = '';
beforeEach(() => {
  folder = ownFolder('molexp-parameters');
  const script = join(folder, 'setup_simulation.sh');
  writeFileSync(script, `printf '%s\\n' "$*" >> '${join(folder, 'seen.log')}'\nprintf '%s' "$*"\n`);
  chmodSync(script, 0o755);
});
afterEach(() => giveBack(folder));

const seen = (): readonly string[] => readFileSync(join(folder, 'seen.log'), 'utf8').trim().split('\n');

test('parameters reach the command', async () => {
  await using engine = await Engine.open({ store: join(folder, '.heddle'), project: folder });
  const params = new Param({ temperature: 300, pressure: 1 });

  const handle = await runExperiment(engine, experiment('parameter_study', study, list([params])));

  expect(await handle.wait()).toMatchObject({ status: 'done', counts: { done: 1 } });
  expect(seen()).toEqual(['--temp 300 --pressure 1']);
  const results = [];
  for await (const { parameters, result } of handle.results()) results.push({ parameters, result });
  expect(results).toEqual([{ parameters: params, result: { output: 'simulated --temp 300 --pressure 1\n' } }]);
});

test('more of them later reach it too, and those that are done do not again', async () => {
  await using engine = await Engine.open({ store: join(folder, '.heddle'), project: folder });
  const cold = new Param({ temperature: 300, pressure: 1 });
  const warm = new Param({ temperature: 350, pressure: 1.5 });
  await (await runExperiment(engine, experiment('parameter_study', study, list([cold])))).wait();

  const wider = await runExperiment(engine, experiment('parameter_study', study, list([cold, warm])));

  expect(await wider.wait()).toMatchObject({ status: 'done', counts: { done: 2 }, reused: 1 });
  expect(seen()).toEqual(['--temp 300 --pressure 1', '--temp 350 --pressure 1.5']);
});

test('what a parameter holds is one word of the command, whatever it is', async () => {
  await using engine = await Engine.open({ store: join(folder, '.heddle'), project: folder });
  const hostile = list([
    { temperature: '300; touch broken' as unknown as number, pressure: '$(id)' as unknown as number },
  ]);

  const handle = await runExperiment(engine, experiment('hostile', study, hostile));

  expect((await handle.wait()).status).toBe('done');
  expect(seen()).toEqual(['--temp 300; touch broken --pressure $(id)']);
});
