import type { ContainerRuntime, ContainerSpec } from '../../model/index.ts';

/** What of an attempt goes into the text that runs it in a container. All paths are absolute, on the machine where that is. */
export interface ContainerFacts {
  readonly spec: ContainerSpec;
  readonly run: string;
  readonly job: string;
  readonly attempt: string;
  /** The attempt's own directory. */
  readonly directory: string;
  readonly project: string;
  /** Its inputs: the name of each below `inputs/`, and where it leads if that is a link there. */
  readonly inputs: readonly { readonly name: string; readonly at: string }[];
  /** Variables of the command: who it is, and what it declares. */
  readonly environment: Readonly<Record<string, string>>;
  /** Variables whose values the text finds in its own environment, and hands on by name. */
  readonly secrets: readonly string[];
  readonly body: ContainerBody;
  /** From TERM to KILL. */
  readonly graceMs: number;
  readonly cpus: number;
  readonly memoryBytes?: number | undefined;
  /** Indices of the granted devices; `scheduler`: what the batch system says in `CUDA_VISIBLE_DEVICES`. */
  readonly gpus?: readonly number[] | 'scheduler' | undefined;
  /** Variables that count devices as the machine does: for runtimes whose work sees all of them. */
  readonly deviceEnvironment?: Readonly<Record<string, string>> | undefined;
  /** Variables for the runtime itself: which socket, which settings. */
  readonly runtimeEnvironment?: Readonly<Record<string, string>> | undefined;
  /** Where it enters the cgroup that bounds its memory, for runtimes whose work is a child of ours. */
  readonly entrance?: string | undefined;
}

/** Shell text, run by the image's `/bin/sh`; or one program, for which the image needs no shell. */
export type ContainerBody = { readonly text: string } | { readonly argv: readonly string[] };

/** In the order in which one is looked for where nobody says which. */
export const FOUND_FIRST: readonly ContainerRuntime[] = [
  'podman',
  'docker',
  'apptainer',
  'singularity',
  'charliecloud',
];

/** The program of a runtime. */
export function programOf(runtime: ContainerRuntime): string {
  return runtime === 'charliecloud' ? 'ch-run' : runtime === 'bubblewrap' ? 'bwrap' : runtime;
}

/** By this name, and by its label `heddle.attempt`, the container of an attempt is found. */
export function containerName(attempt: string): string {
  return `heddle-${attempt}`;
}

/** Written by the text into the attempt's directory: which runtime and image, how far it came, and what it knows of its end. */
export const CONTAINER_FILE = 'container.json';
/** Written from inside: that the command began, and that its shell has ended by itself. */
export const STATE_FILE = 'container.state';
/** Written by podman when a container of one program has been made: from then on it is the program that fails. */
export const PID_FILE = 'container.pid';
/** Where podman's client stands when memory is bounded: its monitor leaves a file there when the kernel has killed for memory. */
export const PODMAN_FOLDER = '.podman';
/** Whether the kernel has killed for memory, in docker's word. */
export const OOM_FILE = 'container.oom';
