/** Waits side by side, and an end that needs them all. */
export const WAITS = `
import { noop, wait, workflow } from 'heddle';
export default workflow('waits', (p) => {
  const all = Array.from({ length: p.n ?? 3 }, () => wait(p.ms ?? 50));
  noop(...all).named('end');
});
`;

/** A chain: one, two, three, ... each waiting for the one before. */
export const CHAIN = `
import { wait, workflow } from 'heddle';
export default workflow('chain', (p) => {
  let last = [];
  for (let i = 1; i <= (p.n ?? 3); i += 1) last = [wait(p.ms ?? 50, ...last).named('step-' + i)];
});
`;

/** Numbers made side by side, and a table of them, which is what the workflow returns. */
export const TABLE = `
import { command, json, sh, text, workflow } from 'heddle';
const make = command('make', {
  run: (p) => sh\`echo making; echo careful >&2; printf '{"v":%d}' \${p.n} > out.json\`,
  outputs: { out: json('out.json') },
});
const table = command('table', {
  run: (p) => sh\`echo values \${p.values} > table.txt\`,
  outputs: { table: text('table.txt', { publish: 'table.txt' }) },
});
export default workflow('table', (p) => {
  const values = Array.from({ length: p.n ?? 3 }, (_, n) => make({ n }).out.v);
  return { table: table({ values }).table };
});
`;

/** A command that fails by its exit code, one that needs its end, and one that has nothing to do with it. */
export const FAILING = `
import { command, noop, sh, workflow } from 'heddle';
const bad = command('bad', { run: () => sh\`echo going; echo 'cannot go on' >&2; test -e "$project/mended" || exit 3\` });
const good = command('good', { run: () => sh\`true\` });
export default workflow('failing', () => {
  noop(bad({})).named('after');
  good({});
});
`;

/** Writes a line, waits to be let go by a file in the project, writes another. */
export const TALKING = `
import { command, sh, workflow } from 'heddle';
const talk = command('talk', {
  run: () => sh\`echo first; echo aside >&2; until test -e "$project/go"; do sleep 0.05; done; echo second\`,
});
export default workflow('talking', () => void talk({}));
`;
