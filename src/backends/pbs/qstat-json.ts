/** What of a job is read, as text. */
const ATTRIBUTES = [
  'Job_Name',
  'job_state',
  'substate',
  'Exit_status',
  'run_count',
  'comment',
  'exec_host',
  'array_indices_remaining',
] as const;
type Attribute = (typeof ATTRIBUTES)[number];

export type JobAttributes = Partial<Readonly<Record<Attribute, string>>>;

/**
 * Jobs by their ids out of the answer of `qstat -f -F json`, which is not always JSON: variables of the environment are put in
 * with their quotes and line ends as they are, texts of digits lose their quotes (`005`), and several answers may follow each
 * other. Where it can't be parsed it is read by its lines: PBS writes one attribute a line, those of a job at one depth.
 *
 * @returns undefined where there is no answer in it, or one that was cut short
 */
export function readQstatJson(text: string): ReadonlyMap<string, JobAttributes> | undefined {
  if (text.trim() === '') return new Map();
  try {
    return fromJson(JSON.parse(text));
  } catch {
    return /^\{/m.test(text) && /^\}\s*$(?![\s\S])/m.test(text) ? fromLines(text) : undefined;
  }
}

function fromJson(answer: unknown): ReadonlyMap<string, JobAttributes> | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { Jobs: jobs = {} } = answer as { readonly Jobs?: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
  return new Map(
    Object.entries(jobs).map(([id, attributes]) => [
      id,
      Object.fromEntries(
        ATTRIBUTES.filter((name) => attributes[name] !== undefined).map((name) => [name, String(attributes[name])]),
      ),
    ]),
  );
}

const JOB_LINE = /^\s*"(\d+(?:\[\d*\])?(?:\.[^"\s]+)?)":\s*\{\s*$/;
const ATTRIBUTE_LINE = /^(\s*)"([A-Za-z_]+)":\s*(.*?),?\s*$/;

function fromLines(text: string): ReadonlyMap<string, JobAttributes> {
  const jobs = new Map<string, JobAttributes>();
  let attributes: Partial<Record<Attribute, string>> = {};
  // How far the attributes of this job are indented: what stands deeper is inside one of them.
  let indent: string | undefined;
  for (const line of text.split('\n')) {
    const [, id] = JOB_LINE.exec(line) ?? [];
    if (id !== undefined) {
      jobs.set(id, (attributes = {}));
      indent = undefined;
      continue;
    }
    const [, space = '', name = '', value = ''] = ATTRIBUTE_LINE.exec(line) ?? [];
    if (name === '') continue;
    indent ??= space;
    if (space === indent && isAttribute(name)) attributes[name] = unquote(value);
  }
  return jobs;
}

function isAttribute(name: string): name is Attribute {
  return (ATTRIBUTES as readonly string[]).includes(name);
}

function unquote(value: string): string {
  return value.startsWith('"')
    ? value.slice(1, value.endsWith('"') ? -1 : undefined).replaceAll(/\\(["\\/])/g, '$1')
    : value;
}
