import { isAbsolute, join } from 'node:path';
import { type AttemptOrder, type ContainerSpec, gpuEnvironment, type Outcome } from '../../model/index.ts';
import { gpuVendor } from '../../process/index.ts';
import { containerText, judgeContainer, readContainer } from '../containers/index.ts';
import { stderrTail } from './capture.ts';
import type { CommandPlaces, CommandWork } from './command-file.ts';

/**
 * The body of `command.sh` for a command that runs in a container.
 *
 * @param secrets lines that put the values of secrets into the environment
 * @throws {HeddleError} INPUT_INVALID for what the runtime can't be told
 */
export function containedCommand(
  order: AttemptOrder,
  work: CommandWork,
  { places, spec, secrets }: { readonly places: CommandPlaces; readonly spec: ContainerSpec; readonly secrets: string },
): string {
  const { run, job, attempt, directory, grant, request } = order;
  const { project, store = '', runtimes, entrance } = places;
  const { gpus } = grant;
  const facts = {
    spec,
    run,
    job,
    attempt,
    directory,
    project,
    inputs: work.inputs.map(({ name, at }) => ({ name, at: isAbsolute(at) ? at : join(store, at) })),
    environment: {
      HEDDLE_RUN_ID: run,
      HEDDLE_JOB_ID: job,
      HEDDLE_ATTEMPT: attempt,
      project,
      ...(gpus === undefined ? {} : { HEDDLE_GPUS: gpus.join(',') }),
      ...work.environment,
    },
    secrets: Object.keys(work.secrets ?? {}),
    body: work.argv === undefined ? { text: work.text } : { argv: work.argv },
    graceMs: order.limits.graceMs,
    cpus: grant.cpus,
    memoryBytes: grant.memoryBytes,
    gpus: gpus ?? ((request?.gpus ?? 0) > 0 ? ('scheduler' as const) : undefined),
    deviceEnvironment: gpus === undefined ? undefined : gpuEnvironment(gpus, gpuVendor()),
    runtimeEnvironment: runtimes,
    entrance,
  };
  return containerText(facts, secrets);
}

/**
 * The outcome of an attempt in a container that ended badly, where its exit code does not say it: read from what its text has left
 * in the attempt's directory. Undefined: the code or signal stands for itself.
 */
export function judgeContained(directory: string, attempt: string): Outcome | undefined {
  const record = readContainer(directory);
  return record?.attempt === attempt ? judgeContainer(record, stderrTail(directory)) : undefined;
}
