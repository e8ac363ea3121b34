import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { describe, expect, test } from 'vitest';
import { exportWfFormat, importWfFormat } from '../../../src/importers/index.ts';
import { checkGraph, type CommandPayload, criticalPath, type Graph, textAt } from '../../../src/model/index.ts';
import { graphFingerprint, graphFromJson, graphToJson } from '../../../src/workflow/index.ts';
import { allTraces, tracesFolder, whyNoTraces } from './shared-traces.ts';

const missing = whyNoTraces();
if (missing !== undefined) console.warn(`skipped: ${missing}`);

interface RecordedTrace {
  readonly workflow: {
    readonly specification: {
      readonly tasks: readonly {
        readonly id: string;
        readonly name: string;
        readonly parents: readonly string[];
        readonly inputFiles?: readonly string[];
        readonly outputFiles?: readonly string[];
      }[];
      readonly files: readonly { readonly id: string; readonly sizeInBytes: number }[];
    };
    readonly execution: { readonly tasks: readonly { readonly id: string; readonly runtimeInSeconds: number }[] };
  };
}

function recorded(trace: string): RecordedTrace {
  return JSON.parse(readFileSync(join(tracesFolder, trace), 'utf8')) as RecordedTrace;
}

function schema(): ValidateFunction {
  const { $schema: _unknownToValidators, ...rules } = JSON.parse(
    readFileSync(join(tracesFolder, 'wfformat-schema.json'), 'utf8'),
  ) as Record<string, unknown>;
  // The schema's patterns are not valid with the unicode flag, and formats are a vocabulary of their own.
  return new Ajv({ strict: false, unicodeRegExp: false, validateFormats: false }).compile(rules);
}

function parentsOf(graph: Graph, i: number): string[] {
  const parents: string[] = [];
  for (let e = graph.edgeOffsets[i] as number; e < (graph.edgeOffsets[i + 1] as number); e += 1) {
    parents.push(textAt(graph.names, graph.edgeFrom[e] as number));
  }
  return parents.sort();
}

const payloadOf = (graph: Graph, i: number): CommandPayload => JSON.parse(textAt(graph.payloads, i)) as CommandPayload;

describe.skipIf(missing !== undefined).each(allTraces())('%s', (name) => {
  const path = join(tracesFolder, name);

  test('is imported as it stands: ids, labels, edges, times, files', async () => {
    const trace = recorded(name);
    const { tasks } = trace.workflow.specification;
    const { graph, info } = await importWfFormat(path);

    checkGraph(graph);
    expect(graph.size).toBe(tasks.length);
    expect(tasks.map((_, i) => textAt(graph.names, i))).toEqual(tasks.map(({ id }) => id));
    expect(tasks.map((_, i) => graph.definitions[graph.definitionOf[i] as number]?.name)).toEqual(
      tasks.map((task) => task.name),
    );
    expect(tasks.map((_, i) => parentsOf(graph, i))).toEqual(tasks.map(({ parents }) => [...parents].sort()));
    const seconds = new Map(trace.workflow.execution.tasks.map((task) => [task.id, task.runtimeInSeconds]));
    expect(tasks.map((_, i) => payloadOf(graph, i).replay?.seconds)).toEqual(tasks.map(({ id }) => seconds.get(id)));
    expect(tasks.map((_, i) => payloadOf(graph, i).outputs?.map((output) => output.name) ?? [])).toEqual(
      tasks.map(({ outputFiles = [] }) => outputFiles.map((file) => file.replace(/^\//, ''))),
    );
    expect(info.workSeconds).toBeCloseTo(
      [...seconds.values()].reduce((sum, s) => sum + s, 0),
      6,
    );
    expect(criticalPath(graph).lengthMs / 1000).toBeLessThanOrEqual(info.workSeconds + 1e-6);
  });

  test('links in exactly what upstream tasks made', async () => {
    const { tasks } = recorded(name).workflow.specification;
    const producer = new Map(tasks.flatMap(({ outputFiles = [] }, i) => outputFiles.map((file) => [file, i] as const)));
    const { graph } = await importWfFormat(path);

    tasks.forEach(({ inputFiles = [] }, i) => {
      const wanted = inputFiles
        .filter((file) => producer.has(file))
        .map((file) => [producer.get(file), file.replace(/^\//, '')]);
      expect((payloadOf(graph, i).inputs ?? []).map(({ from }) => ('$ref' in from ? from.$ref : undefined))).toEqual(
        wanted,
      );
    });
  });

  test('exported and imported again it is the same graph, and the schema accepts it', async () => {
    for (const scales of [{}, { dataScale: 0.001 }]) {
      const { graph } = await importWfFormat(path, scales);
      const text = [...exportWfFormat(graph)].join('');
      const again = await importWfFormat([Buffer.from(text)], { dataScale: 'dataScale' in scales ? 1 : 0 });

      expect(again.graph).toEqual(graph);
      expect(graphFingerprint(again.graph)).toBe(graphFingerprint(graph));
      const validate = schema();
      expect(validate(JSON.parse(text)), JSON.stringify(validate.errors)).toBe(true);
    }
  });

  test('edges follow from files alone, and from parents alone', async () => {
    const { graph } = await importWfFormat(path);
    const without = (...fields: readonly string[]): Buffer => {
      const trace = recorded(name);
      for (const task of trace.workflow.specification.tasks)
        for (const field of fields) Reflect.deleteProperty(task, field);
      return Buffer.from(JSON.stringify(trace));
    };

    const byFiles = await importWfFormat([without('parents', 'children')]);
    const byParents = await importWfFormat([without('inputFiles', 'outputFiles', 'children')]);

    for (const other of [byFiles.graph, byParents.graph]) {
      expect(Array.from({ length: graph.size }, (_, i) => parentsOf(other, i))).toEqual(
        Array.from({ length: graph.size }, (_, i) => parentsOf(graph, i)),
      );
    }
  });

  test('survives as JSON', async () => {
    const { graph } = await importWfFormat(path, { timeScale: 0 });

    expect(graphFromJson(JSON.parse(JSON.stringify(graphToJson(graph))))).toEqual(graph);
  });
});

test.skipIf(missing !== undefined)(
  'a replayed task leaves its declared files at their size, and nothing else',
  async () => {
    const { graph } = await importWfFormat(join(tracesFolder, 'nextflow/bacass-dirt02-001.json'), {
      timeScale: 0,
      dataScale: 0.001,
    });
    const { files } = recorded('nextflow/bacass-dirt02-001.json').workflow.specification;
    const sizes = new Map(files.map((file) => [file.id.replace(/^\//, ''), Math.round(file.sizeInBytes * 0.001)]));

    for (let i = 0; i < graph.size; i += 1) {
      const directory = mkdtempSync(join(tmpdir(), 'heddle-replay-'));
      try {
        const { script, outputs = [] } = payloadOf(graph, i);
        expect(
          spawnSync('sh', ['-eu', '-s'], {
            cwd: directory,
            input: (script as readonly string[]).join(''),
            stdio: ['pipe', 'inherit', 'inherit'],
          }).status,
        ).toBe(0);
        expect(readdirSync(directory).sort()).toEqual(outputs.map((output) => output.path).sort());
        for (const { name, path } of outputs) expect(statSync(join(directory, path)).size).toBe(sizes.get(name));
      } finally {
        rmSync(directory, { recursive: true });
      }
    }
  },
);
