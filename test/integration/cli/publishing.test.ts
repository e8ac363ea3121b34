import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Sandbox } from './harness.ts';

/** Both publish where a value says that is known only when they run. */
const FLOW = `
import { command, json, pathOf, sh, workflow } from 'heddle';
const name = command('name', { run: () => sh\`echo '"best"' > name.json\`, outputs: { name: json('name.json') } });
const fit = command('fit', {
  run: (p) => sh\`echo \${p.x} > fit.json\`,
  outputs: { fit: json('fit.json').publish((p) => pathOf\`\${p.name}\${p.suffix}.json\`) },
});
export default workflow('fits', (p) => {
  const first = fit({ x: 1, name: name().name, suffix: '' });
  return [first, fit({ x: 2, name: name().name, suffix: p.suffix ?? '' }).after(first)];
});
`;

test('two jobs that turn out to publish one path: the second fails and says so, the first’s file stays', async () => {
  await using sandbox = new Sandbox();
  const file = sandbox.write('flow.mjs', FLOW);

  const run = await sandbox.start(['run', file]).ended;
  const why = await sandbox.start(['why', '/fit-2']).ended;

  expect(run.code).toBe(1);
  expect(readFileSync(join(sandbox.folder, 'results', 'best.json'), 'utf8')).toBe('1\n');
  expect(why.stdout).toContain("'fit-2' publishes 'best.json', which is what 'fit-1' of this run publishes");
  expect(why.stdout).toContain('with a parameter in it');

  // Tried again it is the same; another run is free to replace what an earlier one left.
  expect(
    (await sandbox.start(['retry', JSON.parse((await sandbox.start(['runs', '--json']).ended).stdout).at(0).run]).ended)
      .code,
  ).toBe(1);
  const mended = await sandbox.start(['run', file, '-p', 'suffix=-2']).ended;
  expect(mended.code).toBe(0);
  expect(existsSync(join(sandbox.folder, 'results', 'best-2.json'))).toBe(true);
});
