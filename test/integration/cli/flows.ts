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
