import assert from 'node:assert/strict';
import { asRunId, type Graph, GraphBuilder } from '../model/index.ts';
import { addSample, SAMPLE_TIME, sampleCommit, sampleGraph, sampleRun } from './store-samples.ts';
import type { StoreCase } from './store-conformance.ts';

/** Runs and their graphs. */
export const runCases: readonly StoreCase[] = [
  {
    name: 'keeps a run with its graph, owned by who added it, at epoch 1',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const graph = sampleGraph(10, 3);
      const run = sampleRun('r-1', { createdAt: SAMPLE_TIME + 0.25 });

      await store.createRun(run, graph);

      assert.deepEqual(await store.run(run.id), { ...run, owner: store.owner, epoch: 1, seq: 0 });
      assertSameGraphs(await store.graph(run.id), [graph]);
    },
  },
  {
    name: 'keeps a graph of nothing, and one with a result, payloads and every kind of text',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const empty = new GraphBuilder('').build();
      await fixture.store.createRun(sampleRun('r-1', { size: 0 }), empty);
      const builder = new GraphBuilder('größe 漢字 \u{1f9f5}');
      const { definitions } = sampleGraph(1);
      const definition = { ...definitions[0], environment: { PATH: 'a:b' }, priority: -1.5 } as Graph['definitions'][0];
      const first = builder.add('ein/ \u{1f9f5}"\\', { definition, payload: '{"script":["true"]}', expectedMs: 0.5 });
      builder.add('zwei', { definition, edges: [{ from: first, accept: 5 }, first] });
      builder.returns('{"$ref":[1]}');
      const full = builder.build();

      await fixture.store.createRun(sampleRun('r-2', { size: 2 }), full);

      assertSameGraphs(await fixture.store.graph(asRunId('r-1')), [empty]);
      assertSameGraphs(await fixture.store.graph(asRunId('r-2')), [full]);
    },
  },
  {
    name: 'keeps a graph of many megabytes',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const graph = sampleGraph(60_000, 3);

      await fixture.store.createRun(sampleRun('r-1', { size: graph.size }), graph);

      assertSameGraphs(await fixture.store.graph(asRunId('r-1')), [graph]);
    },
  },
  {
    name: 'refuses a run that is there already, and keeps that one',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);

      await assert.rejects(store.createRun(sampleRun(run, { name: 'second' }), sampleGraph(3)), {
        code: 'STATE_CONFLICT',
      });

      assert.equal((await store.run(run))?.name, 'sample');
      assert.equal((await store.graph(run))[0]?.size, 10);
    },
  },
  {
    name: 'knows nothing of a run that is not there',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const none = asRunId('r-none');
      const missing = { code: 'RUN_NOT_FOUND' };

      assert.equal(await store.run(none), undefined);
      assert.deepEqual(await store.runs({}), []);
      assert.deepEqual(await store.claimRun(none), { kind: 'not-found' });
      await assert.rejects(store.graph(none), missing);
      await assert.rejects(Array.fromAsync(store.jobs(none)), missing);
      await assert.rejects(Array.fromAsync(store.finals(none)), missing);
      await assert.rejects(Array.fromAsync(store.unfinished(none)), missing);
      await assert.rejects(store.counts(none), missing);
      await assert.rejects(store.job(none, 0), missing);
      await assert.rejects(store.attempts(none, 0), missing);
      await assert.rejects(store.values(none, [0]), missing);
      await assert.rejects(store.submissions(none), missing);
      await assert.rejects(store.transitions(none, 0, 10), missing);
      await assert.rejects(store.ownerOf(none), missing);
      await assert.rejects(store.deleteRun(none), missing);
      await assert.rejects(store.releaseRun(none, 1), missing);
    },
  },
  {
    name: 'lists runs newest first, by status, name, age and number',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      for (const [id, name, status] of [
        ['r-2', 'melt', 'done'],
        ['r-4', 'melt', 'pending'],
        ['r-1', 'fold', 'failed'],
        ['r-3', 'fold', 'done'],
      ] as const) {
        await store.createRun(
          sampleRun(id, { name, status, detail: status === 'failed' ? 'exit' : '' }),
          sampleGraph(10),
        );
      }
      const listed = async (filter: Parameters<typeof store.runs>[0]): Promise<readonly string[]> =>
        (await store.runs(filter)).map((run) => run.id);

      assert.deepEqual(await listed({}), ['r-4', 'r-3', 'r-2', 'r-1']);
      assert.deepEqual(await listed({ limit: 2 }), ['r-4', 'r-3']);
      assert.deepEqual(await listed({ limit: 0 }), []);
      assert.deepEqual(await listed({ statuses: ['done', 'failed'] }), ['r-3', 'r-2', 'r-1']);
      assert.deepEqual(await listed({ statuses: [] }), []);
      assert.deepEqual(await listed({ name: 'melt' }), ['r-4', 'r-2']);
      assert.deepEqual(await listed({ before: asRunId('r-3') }), ['r-2', 'r-1']);
      assert.deepEqual(await listed({ before: asRunId('r-4'), name: 'fold', statuses: ['done'], limit: 5 }), ['r-3']);
    },
  },
  {
    name: 'changes of a run what a commit names, and nothing else',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const before = await store.run(run);

      await store.commit([sampleCommit(store, run, { patch: { status: 'running', detail: '', startedAt: 5 } })]);
      await store.commit([sampleCommit(store, run, { patch: { settings: '{}' } })]);
      await store.commit([sampleCommit(store, run, { patch: { status: 'failed', detail: 'exit', endedAt: 7.5 } })]);

      const after = { status: 'failed', detail: 'exit', startedAt: 5, endedAt: 7.5, settings: '{}' };
      assert.deepEqual(await store.run(run), { ...before, ...after });
    },
  },
  {
    name: 'appends segments to a graph, and counts their jobs',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const template = sampleGraph(10);
      const first = sampleGraph(5, 1, template);
      const second = { ...sampleGraph(2, 1), base: 15 };
      const third = { ...sampleGraph(1, 1), base: 17 };
      await store.createRun(sampleRun('r-1'), template);
      const run = asRunId('r-1');

      await store.commit([sampleCommit(store, run, { segments: [first] })]);
      await store.commit([sampleCommit(store, run, { segments: [second, third] })]);

      assertSameGraphs(await store.graph(run), [template, first, second, third]);
      assert.equal((await store.run(run))?.size, 18);
      const gap = sampleCommit(store, run, { segments: [{ ...third, base: 20 }] });
      await assert.rejects(store.commit([gap]), { code: 'STATE_CONFLICT' });
      assert.equal((await store.graph(run)).length, 4);
    },
  },
  {
    name: 'keeps what a control node became: its late edges, and whose it is',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const template = sampleGraph(10);
      const late = { from: Uint32Array.of(11, 14), to: Uint32Array.of(3, 9), accept: Uint8Array.of(7, 0) };
      const expansion = { ...sampleGraph(5, 1, template), late, expands: Uint32Array.of(2) };
      await store.createRun(sampleRun('r-1'), template);
      const run = asRunId('r-1');

      await store.commit([sampleCommit(store, run, { segments: [expansion] })]);

      const graphs = await store.graph(run);
      assertSameGraphs(graphs, [template, expansion]);
      assert.deepEqual(graphs[1]?.late, late);
      assert.deepEqual(graphs[1]?.expands, expansion.expands);
    },
  },
  {
    name: 'removes a run nobody owns with all it has, and no other',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store, 'r-1');
      const other = await addSample(store, 'r-2');
      for (const id of [run, other]) {
        await store.commit([sampleCommit(store, id, { values: [{ job: 1, value: { codec: 'json', json: '1' } }] })]);
      }
      await assert.rejects(store.deleteRun(run), { code: 'RUN_OWNED' });
      await store.releaseRun(run, 1);

      await store.deleteRun(run);

      assert.equal(await store.run(run), undefined);
      await assert.rejects(store.values(run, [1]), { code: 'RUN_NOT_FOUND' });
      assert.deepEqual(await store.values(other, [1]), [{ codec: 'json', json: '1' }]);
      assert.deepEqual(
        (await store.runs({})).map((row) => row.id),
        ['r-2'],
      );
      await addSample(store, 'r-1');
      assert.deepEqual(await store.values(run, [1]), [undefined]);
    },
  },
];

/** Compares graphs by content: a stored one may be a view of larger memory. */
function assertSameGraphs(found: readonly Graph[], expected: readonly Graph[]): void {
  assert.equal(found.length, expected.length);
  for (const [i, graph] of expected.entries()) assert.deepEqual(plain(found[i] as Graph), plain(graph));
}

function plain(graph: Graph): object {
  const { names, payloads, definitionOf, edgeOffsets, edgeFrom, edgeAccept, expectedMs, ...rest } = graph;
  const columns = { definitionOf, edgeOffsets, edgeFrom, edgeAccept, expectedMs };
  const texts = { names: names.bytes, namesAt: names.offsets, payloads: payloads.bytes, payloadsAt: payloads.offsets };
  const hex = Object.entries({ ...columns, ...texts }).map(([name, column]) => [
    name,
    `${column.constructor.name} ${Buffer.from(column.buffer, column.byteOffset, column.byteLength).toString('latin1')}`,
  ]);
  return { ...rest, definitions: rest.definitions.map((definition) => ({ ...definition })), columns: hex };
}
