import type { BytesInput } from './sizes.ts';
import { parseBytes } from './sizes.ts';
import { HeddleError } from './errors.ts';
import { nearestName } from './graph-names.ts';

/** What runs containers. `bubblewrap` is a sandbox over a directory, or over the machine's own files. */
export const CONTAINER_RUNTIMES = [
  'podman',
  'docker',
  'apptainer',
  'singularity',
  'charliecloud',
  'bubblewrap',
] as const;
export type ContainerRuntime = (typeof CONTAINER_RUNTIMES)[number];

/** When an image is fetched: only where it lacks, always first, or never. */
export type PullPolicy = 'missing' | 'always' | 'never';

/** One more directory or file of the host that the work sees. */
export interface ContainerMount {
  /** Absolute, on the machine the work runs on; `${project}/...` for the project's own. */
  readonly from: string;
  /** Absolute, inside. */
  readonly to: string;
  /** @default false */
  readonly writable?: boolean;
}

/**
 * The container a command runs in, as data. The attempt's directory is mounted writable under its own path and is the working
 * directory; files that were linked into `inputs/` are mounted read-only.
 */
export interface ContainerSpec {
  /** A name with tag or digest, an archive, or the absolute path of an unpacked image (charliecloud, apptainer, bubblewrap). */
  readonly image: string;
  /** @default what the target's settings say, else the first that is there: podman, docker, apptainer, singularity, charliecloud */
  readonly runtime?: ContainerRuntime;
  /** @default 'missing' */
  readonly pull?: PullPolicy;
  readonly mounts?: readonly ContainerMount[];
  /** `host`, `none`, or a network of the runtime's. @default 'none' */
  readonly network?: string;
  /** `uid[:gid]`. @default the user who runs it */
  readonly user?: string;
  /** The image's own entry point is used. @default false: the command alone */
  readonly entrypoint?: boolean;
  /** More options of the runtime's own command line, before the image. */
  readonly options?: readonly string[];
  /** Bytes of `/dev/shm`. */
  readonly sharedMemoryBytes?: number;
}

/** A container as people write it: an image's name, or more. `false`: none, by choice, whatever the target's default is. */
export type ContainerInput =
  | string
  | false
  | (Omit<ContainerSpec, 'sharedMemoryBytes'> & { readonly sharedMemory?: BytesInput });

/** Says that no container is wanted, by choice. */
export interface NoContainer {
  readonly image: '';
}

const FIELDS = ['image', 'runtime', 'pull', 'mounts', 'network', 'user', 'entrypoint', 'options', 'sharedMemory'];

/** @throws {HeddleError} INPUT_INVALID naming the field and the mend */
export function containerSpec(input: ContainerInput, task: string): ContainerSpec | NoContainer {
  if (input === false) return { image: '' };
  if (typeof input === 'string') return containerSpec({ image: input }, task);
  const whose = `container of '${task}'`;
  const refuse = (what: string, hint: string): HeddleError =>
    new HeddleError('INPUT_INVALID', `${whose}: ${what}`, { details: { task }, hint });
  for (const field of Object.keys(input)) {
    if (FIELDS.includes(field)) continue;
    const near = nearestName(field, FIELDS);
    throw refuse(
      `there is no field '${field}'`,
      near === undefined ? `there is ${FIELDS.join(', ')}` : `did you mean '${near}'?`,
    );
  }
  const { image, runtime, pull, mounts = [], sharedMemory, ...rest } = input;
  if (typeof image !== 'string' || image.trim() === '' || /[\0\n]/.test(image) || image.startsWith('-'))
    throw refuse(`image can't be ${JSON.stringify(image)}`, "name an image: 'docker.io/library/debian:12'");
  if (runtime !== undefined && !CONTAINER_RUNTIMES.includes(runtime))
    throw refuse(`there is no runtime '${String(runtime)}'`, `choose one of ${CONTAINER_RUNTIMES.join(', ')}`);
  if (pull !== undefined && !['missing', 'always', 'never'].includes(pull))
    throw refuse(`pull can't be '${String(pull)}'`, 'choose missing, always or never');
  for (const { from, to } of mounts) {
    const isPath = (path: unknown): boolean =>
      typeof path === 'string' && /^(?:\/|\$\{project\})/.test(path) && !/[\0\n:]/.test(path.replace('${project}', ''));
    if (!isPath(from) || !isPath(to) || !to.startsWith('/'))
      throw refuse(`can't mount '${String(from)}' at '${String(to)}'`, 'give absolute paths without a colon');
  }
  return {
    image,
    ...(runtime === undefined ? {} : { runtime }),
    ...(pull === undefined ? {} : { pull }),
    ...(mounts.length === 0 ? {} : { mounts }),
    ...rest,
    ...(sharedMemory === undefined ? {} : { sharedMemoryBytes: parseBytes(sharedMemory, `${whose}: sharedMemory`) }),
  };
}
