import { previewTarget, type TaskScript } from '../../jobs/index.ts';
import { type Definition, type Graph, HeddleError } from '../../model/index.ts';
import { definitionsIn } from '../backends-in.ts';
import { storeDirectory } from '../find-run.ts';
import { type Loaded, sayFirstPoint } from '../load-workflow.ts';
import type { Context } from '../main.ts';
import { printable } from '../output.ts';
import { readTargets } from '../targets.ts';

/** Tasks that one native script would do for. */
interface Kind {
  readonly task: string;
  readonly backend: string;
  readonly definition: Definition;
  tasks: number;
  /** Some come of a map, a branch or a loop: how many shows when it runs. */
  isOpen: boolean;
}

interface KindScript extends TaskScript {
  readonly kind: Kind;
}

/** Prints the native scripts that would be submitted, one a kind of task. Starts nothing and connects to nothing. */
export async function planScripts(
  context: Context,
  loaded: Loaded,
  { backend }: { readonly backend?: string | undefined },
): Promise<number> {
  const { graph, origin } = loaded;
  const targets = await readTargets(context, origin.project);
  const asked = backend ?? targets.backend;
  if (asked !== undefined) targets.assertKnown(asked);
  const kinds = kindsOf(graph, asked);
  const settings = targets.settings();
  const scripts: KindScript[] = [];
  for (const kind of kinds) {
    targets.assertKnown(kind.backend);
    const target = settings.find(({ name }) => name === kind.backend);
    if (target === undefined) continue;
    const { resources, scheduling } = kind.definition;
    const wanted = { resources, tasks: Math.max(1, kind.tasks), ...(scheduling === undefined ? {} : { scheduling }) };
    const script = await previewTarget(target, wanted, { store: storeDirectory(context) });
    if (script !== undefined) scripts.push({ ...script, kind });
  }
  if (graph.size > 0 && scripts.length === 0) {
    const batch = settings.filter(({ scheduler }) => scheduler !== 'none').map(({ name }) => name);
    throw new HeddleError('INPUT_INVALID', `nothing of '${graph.name}' would go to a batch system`, {
      hint:
        batch.length === 0
          ? "no target has one: heddle.config.ts says backends: { cluster: { scheduler: 'slurm' } }"
          : `--backend chooses one: ${batch.join(', ')}`,
    });
  }
  sayFirstPoint(context, loaded);
  await write(context, graph, scripts);
  return 0;
}

async function write({ output, json }: Context, graph: Graph, scripts: readonly KindScript[]): Promise<void> {
  if (json) {
    const entries = scripts.map(({ kind: { task, backend, tasks, isOpen }, elements, script, isAllocation }) => ({
      ...{ task, backend, tasks, more: isOpen, elements, allocation: isAllocation, script },
    }));
    return output.json({ name: graph.name, scripts: entries });
  }
  await output.data(scripts.map((one) => `${headOf(one)}\n${one.script.trimEnd()}\n`).join('\n'));
  output.say('SUBMISSION and STORE stand for names that are given when something is submitted');
}

/** `# simulate on cluster: 100 tasks, those that are ready together as arrays of up to 1000` */
function headOf({ kind, elements, isAllocation }: KindScript): string {
  const { task, backend, tasks, isOpen } = kind;
  const count =
    tasks === 0 ? 'as many tasks as it becomes' : `${tasks} task${tasks === 1 ? '' : 's'}${isOpen ? ' and more' : ''}`;
  const how = isAllocation
    ? ', in allocations: this is one'
    : elements > 1 || isOpen
      ? `; those that are ready together go as one array${elements < tasks ? `, ${elements} at most` : ''}`
      : '';
  return printable(`# ${task} on ${backend}: ${count}${how}`);
}

/** Those that differ in name, in what they ask for, or in where they go. */
function kindsOf(graph: Graph, asked: string | undefined): readonly Kind[] {
  const kinds = new Map<string, Kind>();
  for (const { definition, tasks } of definitionsIn(graph)) {
    const { name: task, kind, resources, scheduling, backend = asked } = definition;
    if (kind === 'control' || backend === undefined) continue;
    const key = JSON.stringify([task, backend, resources, scheduling]);
    const found = kinds.get(key) ?? { task, backend, definition, tasks: 0, isOpen: false };
    found.tasks += tasks;
    if (tasks === 0) found.isOpen = true;
    kinds.set(key, found);
  }
  return [...kinds.values()];
}
