import assert from 'node:assert/strict';
import type { ExperimentRow } from '../model/index.ts';
import type { StoreCase } from './store-conformance.ts';
import { SAMPLE_TIME, sampleGraph, sampleRun } from './store-samples.ts';

const melting: ExperimentRow = {
  name: 'melting',
  createdAt: SAMPLE_TIME,
  updatedAt: SAMPLE_TIME + 0.5,
  wish: '',
  settings: '{"space":{"grid":{"temperature":[0.85,0.9]}}}',
};

/** Experiments, and the runs that are their points. */
export const experimentCases: readonly StoreCase[] = [
  {
    name: 'keeps experiments by name, and the last of what was said of each',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      assert.equal(await store.experiment('melting'), undefined);
      assert.deepEqual(await store.experiments(), []);

      await store.putExperiment({ ...melting, name: 'zweite größe' });
      await store.putExperiment(melting);
      await store.putExperiment({ ...melting, wish: 'paused', updatedAt: SAMPLE_TIME + 9 });

      assert.deepEqual(await store.experiment('melting'), { ...melting, wish: 'paused', updatedAt: SAMPLE_TIME + 9 });
      assert.deepEqual(
        (await store.experiments()).map(({ name }) => name),
        ['melting', 'zweite größe'],
      );
    },
  },
  {
    name: 'knows the points of an experiment, newest first, and pages through them',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      for (const [i, experiment] of ['melting', '', 'melting', 'other', 'melting'].entries()) {
        const point = experiment === '' ? '' : `point-${i}`;
        await store.createRun(sampleRun(`r-${i}`, { size: 1, experiment, point }), sampleGraph(1));
      }

      const newest = await store.runs({ experiment: 'melting', limit: 2 });
      const rest = await store.runs({ experiment: 'melting', ...(newest[1] && { before: newest[1].id }) });

      assert.deepEqual(
        newest.map(({ id, point }) => [id, point]),
        [
          ['r-4', 'point-4'],
          ['r-2', 'point-2'],
        ],
      );
      assert.deepEqual(
        rest.map(({ id }) => id),
        ['r-0'],
      );
      assert.equal((await store.runs({})).length, 5);
      assert.equal((await store.runs({ experiment: 'none' })).length, 0);
    },
  },
  {
    name: 'keeps experiments when it is opened again',
    needs: ['reopen'],
    async run(open) {
      await using fixture = await open();
      await fixture.store.putExperiment(melting);
      await fixture.store.createRun(sampleRun('r-1', { size: 1, experiment: 'melting', point: 'p' }), sampleGraph(1));

      const store = await fixture.reopen?.();

      assert.deepEqual(await store?.experiment('melting'), melting);
      assert.equal((await store?.runs({ experiment: 'melting' }))?.[0]?.point, 'p');
    },
  },
];
