import type { ResourceRequest } from '../../model/index.ts';
import { type ArrayRange, coveringRange, guardedBody, isSingle, type NativeRequest } from '../scheduler/index.ts';
import type { PbsOptions } from './options.ts';

const MS = 1000;
const MIB = 1024 * 1024;
/** PBS kills ten seconds after it has asked, where the site has not changed that. */
const DEFAULT_GRACE = 8;

/** The whole native script of a request. */
export function nativeScript(request: NativeRequest, options: PbsOptions): string {
  const { elements, marker, body, resources } = request;
  const range = isSingle(elements) ? undefined : coveringRange(elements);
  return `#!/bin/sh
${directives(request, range, options)
  .map((line) => `#PBS ${line}\n`)
  .join('')}
${elementLines(range)}${guardedBody({
  body,
  mark: `${marker}.$element.$PBS_JOBID`,
  warnings: ['TERM'],
  // Some seconds before STOP.
  halts: ['TSTP'],
  graceSeconds: options.graceSeconds ?? DEFAULT_GRACE,
  limitSeconds: limitOf(resources),
})}`;
}

/**
 * What a task asks for, then options of the user's own, which may say it otherwise (the last one counts), then what must be as it
 * is so that a job is found again.
 */
function directives(request: NativeRequest, range: ArrayRange | undefined, options: PbsOptions): readonly string[] {
  const { marker, home, resources, scheduling } = request;
  const { queue, account, options: verbatim = [] } = scheduling;
  const limit = limitOf(resources);
  return [
    `-l ${selection(resources, options)}`,
    ...((resources.nodes ?? 1) > 1 ? ['-l place=scatter'] : []),
    ...(limit === undefined ? [] : [`-l walltime=${limit}`]),
    ...(queue === undefined ? [] : [`-q ${queue}`]),
    ...(account === undefined ? [] : [`${options.accountAs === 'project' ? '-P' : '-A'} ${account}`]),
    '-S /bin/sh',
    '-j oe',
    ...verbatim,
    `-o ${outputPath(home)}`,
    `-N ${marker}`,
    // An array that may not be begun anew is refused. The claim in the work directory is taken once all the same.
    ...(range === undefined ? ['-r n'] : [`-J ${indices(range)}`, '-r y']),
  ];
}

/** One chunk a machine. What is asked for of memory is all of it; cpus and devices are those of a rank. */
function selection(resources: ResourceRequest, { gpuResource = 'ngpus' }: PbsOptions): string {
  const { cpus, memoryBytes, gpus = 0, nodes = 1, ranks = 1 } = resources;
  const each = Math.ceil(ranks / nodes);
  return [
    `select=${nodes}`,
    `ncpus=${Math.max(1, Math.ceil(cpus)) * each}`,
    ...(ranks > 1 ? [`mpiprocs=${each}`] : []),
    ...(memoryBytes === undefined ? [] : [`mem=${Math.ceil(memoryBytes / nodes / MIB)}mb`]),
    ...(gpus > 0 ? [`${gpuResource}=${Math.ceil(gpus) * each}`] : []),
  ].join(':');
}

function limitOf({ timeMs }: ResourceRequest): number | undefined {
  return timeMs === undefined ? undefined : Math.max(1, Math.ceil(timeMs / MS));
}

/** The end has to be above the start, also of one index alone: then by a step that leads past it. */
function indices({ first, last, step }: ArrayRange): string {
  if (first === last) return `${first}-${first + 1}:2`;
  return step === 1 ? `${first}-${last}` : `${first}-${last}:${step}`;
}

/** A directory: the files in it are named after the job. What a path with other characters means there is not told. */
function outputPath(home: string): string {
  return /^[\w@%+=./-]+$/.test(home) ? `${home}/` : '/dev/null';
}

function elementLines(range: ArrayRange | undefined): string {
  if (range === undefined) return 'element=0\n';
  const skip = range.holes.length === 0 ? '' : `case $element in ${range.holes.join('|')}) exit 0;; esac\n`;
  return `element=$PBS_ARRAY_INDEX\n${skip}`;
}
