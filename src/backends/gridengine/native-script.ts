import type { ResourceRequest } from '../../model/index.ts';
import { type ArrayRange, coveringRange, guardedBody, isSingle, type NativeRequest } from '../scheduler/index.ts';
import type { GridEngineOptions } from './options.ts';

const MS = 1000;
const MIB = 1024 * 1024;
const DEFAULT_GRACE = 10;

/** Exit codes that Grid Engine takes for orders: begin it anew, stop it with an error. */
const ORDERS = [99, 100];

/** The whole native script of a request. */
export function nativeScript(request: NativeRequest, options: GridEngineOptions): string {
  const { elements, marker, body, resources } = request;
  const range = isSingle(elements) ? undefined : coveringRange(elements);
  return `#!/bin/sh
${directives(request, range, options)
  .map((line) => `#$ ${line}\n`)
  .join('')}
${elementLines(range)}${guardedBody({
  body,
  mark: `${marker}.$JOB_ID.$element`,
  // By -notify: USR2 before KILL, or what the site sends instead; USR1 before STOP.
  warnings: ['USR2', 'TERM'],
  halts: ['USR1'],
  graceSeconds: options.graceSeconds ?? DEFAULT_GRACE,
  limitSeconds: limitOf(resources),
  meaningful: ORDERS,
})}`;
}

/**
 * What a task asks for, then options of the user's own, which may say it otherwise (the last one counts), then what must be as it
 * is so that a job is found again and is begun once.
 */
function directives(
  request: NativeRequest,
  range: ArrayRange | undefined,
  options: GridEngineOptions,
): readonly string[] {
  const { marker, home, resources, scheduling } = request;
  const { queue, account, options: verbatim = [] } = scheduling;
  const { accountAs = 'project', gpuResource = 'gpu' } = options;
  const { gpus = 0, ranks = 1 } = resources;
  const limit = limitOf(resources);
  return [
    ...(limit === undefined ? [] : [`-l h_rt=${limit}`]),
    ...slotLines(resources, options),
    ...(gpus > 0 ? [`-l ${gpuResource}=${Math.ceil(gpus) * ranks}`] : []),
    ...(queue === undefined ? [] : [`-q ${queue}`]),
    ...(account === undefined ? [] : [`${accountAs === 'project' ? '-P' : '-A'} ${account}`]),
    '-S /bin/sh',
    '-j y',
    ...verbatim,
    `-o ${outputPath(home)}`,
    `-N ${marker}`,
    ...(range === undefined ? [] : [`-t ${range.first}-${range.last}:${range.step}`]),
    // Whether it may begin again is the engine's to say: its claim is taken once.
    '-r n',
    '-notify',
  ];
}

function limitOf({ timeMs }: ResourceRequest): number | undefined {
  return timeMs === undefined ? undefined : Math.max(1, Math.ceil(timeMs / MS));
}

/** Slots and memory. What is asked for of memory is all of it. */
function slotLines(resources: ResourceRequest, options: GridEngineOptions): readonly string[] {
  const { cpus, nodes = 1, ranks = 1, memoryBytes } = resources;
  const { parallelEnvironment = 'smp', mpiEnvironment = 'mpi', memoryResource, memoryPerSlot = true } = options;
  const slots = Math.max(1, Math.ceil(cpus)) * Math.max(nodes, ranks);
  const lines: string[] = [];
  if (slots > 1) lines.push(`-pe ${nodes > 1 ? mpiEnvironment : parallelEnvironment} ${slots}`);
  if (memoryBytes !== undefined && memoryResource !== undefined)
    lines.push(`-l ${memoryResource}=${Math.ceil(memoryBytes / (memoryPerSlot ? slots : 1) / MIB)}M`);
  return lines;
}

/**
 * The directory that takes what the system and the script itself say. A comma parts several paths, a colon ends a host's name, a
 * dollar begins a variable, nothing escapes a quote: with one of those, it is not kept.
 */
function outputPath(home: string): string {
  if (/[,:$"'\\\r\n\t]/.test(home)) return '/dev/null';
  return home.includes(' ') ? `"${home}"` : home;
}

function elementLines(range: ArrayRange | undefined): string {
  if (range === undefined) return 'element=0\n';
  const skip = range.holes.length === 0 ? '' : `case $element in ${range.holes.join('|')}) exit 0;; esac\n`;
  return `element=$SGE_TASK_ID\n${skip}`;
}
