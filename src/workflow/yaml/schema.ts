import * as z from 'zod';
import { CONTAINER_RUNTIMES, parseBytes, parseDuration } from '../../model/index.ts';
import { CONDITION } from './condition-schema.ts';
import { reads } from './readable.ts';

/**
 * What a workflow in YAML is made of, as zod schemas: what is read is checked against them, and the JSON Schema that editors
 * use is made from them. What a task does (`run`, `call`, `tasks`, `branch`, `choose`) decides which of them holds of it.
 */

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

const TIME = "can't be read as a span of time: write 90s, 1h30m, 2d, or milliseconds as a number";
const BYTES = "can't be read as a size: write 8GiB, 500MB, or bytes as a number";

const duration = z
  .union([z.number().nonnegative(), z.string()], { error: TIME })
  .refine(reads(parseDuration), { error: TIME })
  .meta({ id: 'duration', description: 'A span of time: 90s, 1h30m, 2d, or milliseconds.' });
const bytes = z
  .union([z.number().nonnegative(), z.string()], { error: BYTES })
  .refine(reads(parseBytes), { error: BYTES })
  .meta({ id: 'bytes', description: 'A size: 8GiB, 500MB, or bytes.' });

const reference = z.string().regex(/\$/, { error: 'is no number, and refers to nothing' });

function number(options: { readonly min?: number; readonly isWhole?: boolean } = {}): z.ZodType {
  const { min, isWhole = false } = options;
  const kind = isWhole ? 'a whole number' : 'a number';
  const error = `must be ${kind}${min === undefined ? '' : `, ${min} or more`}`;
  let own = isWhole ? z.number({ error }).int({ error }) : z.number({ error });
  if (min !== undefined) own = own.min(min, { error });
  return z.union([own, reference], { error });
}

const text = (what: string): z.ZodType<string> => z.string({ error: what }).min(1, { error: what });
const data = z.unknown().meta({ id: 'value', description: 'Plain data; ${name} in a text stands for a value.' });

function named<Value extends z.ZodType>(value: Value, what: string): z.ZodType {
  const error = `is no name of a ${what}: letters, digits, _ and -, a letter first`;
  return z.record(z.string().regex(NAME, { error }), value, { error: `must be a map of names to ${what}s` });
}

const resources = z.strictObject(
  {
    cpus: number({ min: 0 }).optional(),
    memory: bytes.optional(),
    disk: bytes.optional(),
    gpus: number({ min: 0 }).optional(),
    time: duration.optional(),
    tokens: z.record(z.string(), number({ min: 0 })).optional(),
    nodes: number({ min: 1, isWhole: true }).optional(),
    ranks: number({ min: 1, isWhole: true }).optional(),
  },
  { error: 'must be a map: { cpus: 4, memory: 8GiB, time: 2h }' },
);

const escalate = z.strictObject(
  {
    memory: number({ min: 1 }).optional(),
    time: number({ min: 1 }).optional(),
    maxMemory: bytes.optional(),
    maxTime: duration.optional(),
  },
  { error: 'must be a map: { memory: 2, maxMemory: 64GiB }' },
);

const retry = z.strictObject(
  {
    maxAttempts: number({ min: 1, isWhole: true }).optional(),
    initialDelay: duration.optional(),
    backoffFactor: number({ min: 1 }).optional(),
    maxDelay: duration.optional(),
    jitter: number({ min: 0 }).optional(),
    retryOn: z.array(z.string()).optional(),
    maxLosses: number({ min: 0, isWhole: true }).optional(),
    escalate: escalate.optional(),
  },
  { error: 'must be a map: { maxAttempts: 3 }' },
);

const timeouts = z.strictObject({
  queue: duration.optional(),
  start: duration.optional(),
  run: duration.optional(),
  heartbeat: duration.optional(),
});

const scalar = z.union([z.string(), z.number(), z.boolean()], { error: 'must be a text, a number, true or false' });

const secretText = z.string().min(1);
const secret = z
  .strictObject({
    secret: z.union(
      [
        z.strictObject({ env: secretText }),
        z.strictObject({ file: secretText }),
        z.strictObject({ command: secretText }),
      ],
      { error: 'must say where it is read: { env: TOKEN }, { file: path } or { command: text }' },
    ),
  })
  .meta({ description: 'Read where and when the task is started: never in a graph, a record or a log.' });
const variable = z.union([scalar, secret], {
  error: 'must be a text, a number, true or false, or a secret by reference: { secret: { env: TOKEN } }',
});

/** How a task is treated. */
const POLICIES = {
  backend: text('must be the name of a backend').optional(),
  resources: resources.optional(),
  retry: retry.optional(),
  timeout: z
    .union([duration, timeouts], { error: 'must be a span of time, or { queue, start, run, heartbeat }' })
    .optional(),
  grace: duration.optional(),
  priority: number().optional(),
  condition: CONDITION.optional(),
  cache: z.boolean({ error: 'must be true or false' }).optional(),
  environment: z
    .record(z.string().regex(VARIABLE, { error: 'is no name of an environment variable' }), variable, {
      error: 'must be a map of variables',
    })
    .optional(),
};

const mount = z.strictObject({
  from: text('must be a path'),
  to: text('must be a path'),
  writable: z.boolean().optional(),
});
const container = z
  .union(
    [
      z.literal(false),
      z.string().min(1),
      z.strictObject({
        image: text('must name an image'),
        runtime: z.enum(CONTAINER_RUNTIMES).optional(),
        pull: z.enum(['missing', 'always', 'never']).optional(),
        mounts: z.array(mount).optional(),
        network: z.string().optional(),
        user: z.union([z.string(), z.number()]).optional(),
        entrypoint: z.boolean().optional(),
        options: z.array(z.string()).optional(),
        sharedMemory: bytes.optional(),
      }),
    ],
    { error: 'must name an image, be { image, runtime, ... }, or false' },
  )
  .meta({ description: 'What the command runs in; false: no container, whatever its target says.' });
const scheduling = z.strictObject(
  {
    queue: text('must name a queue').optional(),
    account: text('must name an account').optional(),
    qos: text('must name a quality of service').optional(),
    options: z.array(z.string().min(1)).optional(),
  },
  { error: 'must be a map: { queue: long, account: physics }' },
);
export const POLICY_KEYS: readonly string[] = [...Object.keys(POLICIES), 'container', 'scheduling'];

const status = z.enum(['done', 'failed', 'cancelled'], { error: 'must be done, failed or cancelled' });
const after = z
  .union([z.string(), z.array(z.string()), z.record(z.string(), z.union([status, z.array(status).min(1)]))], {
    error: 'must be the name of a task, a list of names, or { name: done }',
  })
  .meta({ description: 'Tasks whose end is awaited, without their values; { name: done } awaits that end only.' });

const comparison = z.enum(['==', '!=', '<', '<=', '>', '>='], { error: 'must be one of == != < <= > >=, in quotes' });

/** A question about values; a text is a reference, which passes when its value is neither false, null, 0, '' nor absent. */
const test: z.ZodType = z.lazy(() =>
  z
    .union(
      [
        z.string(),
        z.boolean(),
        z.strictObject({ left: data, compare: comparison, right: data }),
        z.strictObject({ not: test }),
        z.strictObject({ all: z.array(test) }),
        z.strictObject({ any: z.array(test) }),
      ],
      {
        error:
          "is no test: { left: ${fit.error}, compare: '<', right: 0.1 }, { not: ... }, { all: [...] }, { any: [...] } or ${fit.ok}",
      },
    )
    .meta({ id: 'test' }),
);

const TESTS = {
  compare: z.strictObject({ left: data, compare: comparison, right: data }),
  not: z.strictObject({ not: data }),
  all: z.strictObject({ all: z.array(z.unknown(), { error: 'must be a list of tests' }) }),
  any: z.strictObject({ any: z.array(z.unknown(), { error: 'must be a list of tests' }) }),
};
/** Which schema holds of a test that is a map. */
export function testSchema(map: object): z.ZodObject {
  if ('not' in map) return TESTS.not;
  if ('all' in map) return TESTS.all;
  return 'any' in map ? TESTS.any : TESTS.compare;
}

const loop = z.strictObject(
  {
    from: data,
    until: test,
    maxIterations: number({ min: 1, isWhole: true }),
    atMost: z.enum(['fail', 'accept'], { error: 'must be fail or accept' }).optional(),
  },
  { error: 'must be a map: { from: ..., until: ..., maxIterations: 50 }' },
);
export const LOOP_SHAPE: z.ZodObject = loop.extend({ until: z.unknown() });

const path = text('must be the path of a file');
const publish = text('must be a path below the results folder').optional();
const output = z.union(
  [
    z.strictObject({ json: path, publish }),
    z.strictObject({ text: path, publish }),
    z.strictObject({ file: path, publish, temporary: z.boolean().optional() }),
  ],
  {
    error:
      'must say what it is: { json: energy.json }, { text: log.txt } or { file: traj.xyz }, with publish beside it',
  },
);

/** Fields of every task. */
const COMMON = {
  description: z.string().optional(),
  name: text('must be a text')
    .meta({ description: "The job's own name; else it is the task's with a number." })
    .optional(),
  with: named(data, 'input')
    .meta({ description: "The task's own inputs; parameters that a run is given come first." })
    .optional(),
  after: after.optional(),
};

const iteration = (spec: z.ZodType): Readonly<Record<string, z.ZodType>> => ({
  each: data.meta({ description: 'A list: the task is done for each ${item} of it.' }).optional(),
  maxConcurrency: number({ min: 1, isWhole: true }).optional(),
  settled: z.boolean().optional(),
  when: test.optional(),
  otherwise: spec.optional(),
  loop: loop.optional(),
});

export type WorkKind = 'run' | 'call' | 'tasks' | 'branch' | 'choose';

function workSchemas(spec: z.ZodType): Readonly<Record<WorkKind, z.ZodObject>> {
  const { name: _, ...unnamed } = COMMON;
  const ways = iteration(spec);
  const cases = z.record(z.string(), spec, { error: 'must be a map of labels to tasks' });
  const { otherwise } = ways;
  return {
    run: z.strictObject({
      run: z.union([text('is empty'), z.array(z.unknown()).min(1)], {
        error: "must be a shell's text, or a list: a program and its arguments",
      }),
      outputs: named(output, 'output').optional(),
      inputs: z.record(z.string(), text('must be the path of a file, or refer to one')).optional(),
      container: container.optional(),
      scheduling: scheduling.optional(),
      ...POLICIES,
      ...COMMON,
      ...ways,
    }),
    call: z.strictObject({
      call: text('must name a function: ./analysis.ts#fit'),
      args: z.array(data, { error: 'must be a list of arguments' }).optional(),
      scheduling: scheduling.optional(),
      ...POLICIES,
      ...COMMON,
      ...ways,
    }),
    tasks: z.strictObject({ tasks: named(spec, 'task').optional(), result: data.optional(), ...COMMON, ...ways }),
    branch: z.strictObject({ branch: data, cases, otherwise: otherwise as z.ZodType, ...unnamed, name: COMMON.name }),
    choose: z.strictObject({ choose: cases, otherwise: otherwise as z.ZodType, ...unnamed, name: COMMON.name }),
  };
}

/** Of one task, without those inside of it; its condition is looked at by itself, for words that say where it is wrong. */
export const WORKS: Readonly<Record<WorkKind, z.ZodObject>> = withoutConditions(workSchemas(z.unknown()));

function withoutConditions({ run, call, ...rest }: ReturnType<typeof workSchemas>): ReturnType<typeof workSchemas> {
  const condition = z.unknown().optional();
  return { run: run.extend({ condition }), call: call.extend({ condition }), ...rest };
}

const TYPES = ['number', 'integer', 'text', 'boolean', 'list', 'object', 'file', 'any'] as const;
export type ParameterType = (typeof TYPES)[number];
const type = z.enum(TYPES, { error: `must be one of ${TYPES.join(', ')}` });

const declared = z.strictObject({
  type: type.optional(),
  items: type.optional(),
  default: z.unknown().optional(),
  min: z.number({ error: 'must be a number' }).optional(),
  max: z.number({ error: 'must be a number' }).optional(),
  choices: z.array(z.unknown(), { error: 'must be a list of values' }).min(1).optional(),
  description: z.string().optional(),
});
export const DECLARED: z.ZodObject = declared;

const members = z.record(z.string(), z.unknown(), { error: 'must be a map of parameters' });
const spaces = z.array(z.unknown(), { error: 'must be a list of spaces' });
const metric = z.union(
  [z.string().min(1), z.strictObject({ path: z.string().min(1), goal: z.enum(['min', 'max']).optional() })],
  { error: 'must be a column, energy.mean, or { path: energy.mean, goal: max }' },
);

const experiment = z.strictObject(
  {
    name: text('must be a text').optional(),
    grid: members.optional(),
    zip: members.optional(),
    list: z.array(z.unknown(), { error: 'must be a list of points' }).optional(),
    csv: path.optional(),
    random: members.optional(),
    latinHypercube: members.optional(),
    sobol: members.optional(),
    product: spaces.optional(),
    union: spaces.optional(),
    where: z.unknown().optional(),
    count: z.number({ error: 'must be a number of points' }).optional(),
    seed: z.number({ error: 'must be a number' }).optional(),
    replicas: z.number({ error: 'must be a whole number, 1 or more' }).int().min(1).optional(),
    metric: metric.optional(),
    report: text('must name a function: ./report.ts#report').optional(),
  },
  { error: 'must be a map: { grid: { temperature: [0.7, 0.8] } }' },
);

function documentSchema(parts: { readonly parameters: z.ZodType; readonly tasks: z.ZodType }): z.ZodObject {
  return z.strictObject(
    {
      heddle: z.literal(1, { error: 'must be 1, the version of this format' }),
      name: z
        .string({ error: 'must be a text: what the workflow is called' })
        .regex(/^[^\s/\p{Cc}][^/\p{Cc}]*$/u, { error: 'is no name: without / and line breaks' }),
      description: z.string().optional(),
      parameters: parts.parameters.optional(),
      tasks: parts.tasks,
      result: data.optional(),
      experiment: experiment.optional(),
      $schema: z.string().optional(),
    },
    { error: 'a workflow is a map: heddle, name, tasks' },
  );
}

/** Of a whole document, without its tasks. */
export const DOCUMENT: z.ZodObject = documentSchema({
  parameters: named(z.unknown(), 'parameter'),
  tasks: named(z.unknown(), 'task'),
});

/** The published JSON Schema of a workflow in YAML. */
export function workflowJsonSchema(): object {
  const spec: z.ZodType = z.lazy(() => z.union(Object.values(workSchemas(spec))).meta({ id: 'task' }));
  const parameter = z.union([scalar, z.null(), z.array(z.unknown()), declared]).meta({ id: 'parameter' });
  const whole = documentSchema({ parameters: named(parameter, 'parameter'), tasks: named(spec, 'task') });
  return { title: 'Heddle workflow', ...z.toJSONSchema(whole, { reused: 'inline' }) };
}
