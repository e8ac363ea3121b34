import { runThrough, scratch } from '../engine.ts';
import { chain as chainOf } from '../graphs.ts';
import { ms, type Row, times } from '../row.ts';
import { bareUpdates } from '../sqlite-floor.ts';

const STEPS = 1000;
const BUDGET = 3;

export const chain: Row = {
  name: 'chain',
  repetitions: 5,
  probes: {
    heddle: {
      async run() {
        await using directory = await scratch();
        return await runThrough(chainOf(STEPS), { store: directory.path, durability: 'full' });
      },
    },
    commits: { run: async () => ({ ms: (STEPS / (await bareUpdates(STEPS, 1))) * 1000 }) },
  },
  conclude(median) {
    const ours = median('heddle', 'ms');
    const floor = median('commits', 'ms');
    return [
      {
        what: `chain of ${STEPS} dependent durable steps, full`,
        ours: ms(ours),
        rival: `${ms(floor)} lone commits`,
        ratio: times(ours / floor),
        budget: `<= ${BUDGET} x`,
        isMet: ours <= BUDGET * floor,
        method: `engine.run of ${STEPS} no-ops in a row; beside it as many bare updates, each its own transaction, same disk`,
      },
    ];
  },
};
