import * as z from 'zod';
import { asError, containerSpec, type ContainerInput, parseBytes, parseDuration } from '../model/index.ts';

/** The form of a configuration, as zod schemas. What the fields mean stands in `config.ts`. */

function readBy(parse: (value: never) => unknown, what: string): z.ZodType {
  return z.union([z.number(), z.string()], { error: what }).superRefine((value, context) => {
    try {
      parse(value as never);
    } catch {
      context.addIssue({ code: 'custom', message: what });
    }
  });
}

const duration = readBy(parseDuration, 'must be a span of time: 90s, 1h30m, 2d, or milliseconds');
const bytes = readBy(parseBytes, 'must be a size: 8GiB, 500MB, or bytes');
const count = (min: number): z.ZodType =>
  z
    .number({ error: `must be a whole number, ${min} or more` })
    .int()
    .min(min, { error: `must be ${min} or more` });
/** A line end would begin another directive, and an option another word. */
const line = z
  .string({ error: 'must be a text' })
  .min(1, { error: 'is empty' })
  .refine((text) => !/[\r\n\0]/.test(text), { error: 'must be one line' });
const directory = line.refine((text) => /^(?:~?\/|~$)/.test(text), { error: 'must be absolute, or begin with ~/' });
const hostName = line.refine((text) => !text.startsWith('-') && !/\s/.test(text), {
  error: 'must be a host as ssh takes it: login.example.org, user@host, or a name of your ssh configuration',
});

const ssh = { ssh: hostName, config: line.optional() };
const host = z.union([
  hostName,
  z.strictObject({
    ...ssh,
    cpus: z.number().positive().optional(),
    memory: bytes.optional(),
    slots: count(1).optional(),
  }),
]);

const container = z.unknown().superRefine((value, context) => {
  try {
    containerSpec(value as ContainerInput, 'commands here');
  } catch (error) {
    context.addIssue({ code: 'custom', message: `is no container: ${asError(error).message}` });
  }
});

const allocation = z.strictObject({
  nodes: count(1).optional(),
  time: duration,
  workers: count(1).optional(),
  min: count(0).optional(),
  max: count(1).optional(),
  idle: duration.optional(),
});

const TRANSPORT = "must be 'local' or { ssh: 'host' }";

const target = z.strictObject(
  {
    transport: z.union([z.literal('local'), z.strictObject(ssh)], { error: TRANSPORT }).optional(),
    hosts: z.array(host, { error: 'must be a list of hosts' }).min(1, { error: 'names no host' }).optional(),
    balance: z.enum(['least-loaded', 'round-robin']).optional(),
    scheduler: z
      .enum(['none', 'slurm', 'gridengine', 'pbs'], { error: 'must be none, slurm, gridengine or pbs' })
      .optional(),
    root: directory.optional(),
    sharedFiles: z.boolean({ error: 'must be true or false' }).optional(),
    project: directory.optional(),
    container: container.optional(),
    environment: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string()).optional(),
    queue: line.optional(),
    account: line.optional(),
    qos: line.optional(),
    options: z.array(line, { error: 'must be a list of texts' }).optional(),
    time: duration.optional(),
    maxJobs: count(1).optional(),
    maxArray: count(1).optional(),
    submitPerSecond: z.number().positive().optional(),
    poll: z.strictObject({ min: duration.optional(), max: duration.optional() }).optional(),
    bin: directory.optional(),
    setup: line.optional(),
    gres: line.optional(),
    memoryResource: line.optional(),
    parallelEnvironment: line.optional(),
    allocation: allocation.optional(),
  },
  { error: "must be a map: { scheduler: 'slurm' }" },
);

const NAME = /^[A-Za-z][\w-]*$/;
const named = (value: z.ZodType, what: string): z.ZodType =>
  z.record(
    z.string().regex(NAME, { error: `is no name of a ${what}: letters, digits, _ and -, a letter first` }),
    value,
    {
      error: `must be a map of names to ${what}s`,
    },
  );

const profile = {
  backend: line.optional(),
  backends: named(target, 'target').optional(),
  jobs: count(1).optional(),
};

/** A whole configuration. */
export const CONFIG: z.ZodType = z.strictObject(
  {
    ...profile,
    profile: line.optional(),
    profiles: named(z.strictObject(profile), 'profile').optional(),
  },
  { error: 'must be a map: { backends: { ... } }' },
);

/** Fields of a target that a batch system reads, and no machine alone does. */
export const BATCH_FIELDS: readonly string[] = [
  'queue',
  'account',
  'qos',
  'options',
  'maxArray',
  'submitPerSecond',
  'allocation',
];

/** The names a field may have at a path, for whoever misspelt one. */
export function fieldsAt(path: readonly PropertyKey[]): readonly string[] {
  let at: z.ZodType | undefined = CONFIG;
  for (const step of path) at = at === undefined ? undefined : inside(at, step);
  const shape = at === undefined ? undefined : objectOf(at);
  return shape === undefined ? [] : Object.keys(shape.shape);
}

function inside(schema: z.ZodType, step: PropertyKey): z.ZodType | undefined {
  const bare = unwrapped(schema);
  if (bare instanceof z.ZodRecord) return bare.valueType as z.ZodType;
  if (bare instanceof z.ZodArray) return bare.element as z.ZodType;
  return objectOf(bare)?.shape[step as string] as z.ZodType | undefined;
}

function objectOf(schema: z.ZodType): z.ZodObject | undefined {
  const bare = unwrapped(schema);
  if (bare instanceof z.ZodObject) return bare;
  if (!(bare instanceof z.ZodUnion)) return undefined;
  return (bare.options as z.ZodType[]).map(objectOf).find((found) => found !== undefined);
}

function unwrapped(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodOptional ? unwrapped(schema.unwrap() as z.ZodType) : schema;
}
