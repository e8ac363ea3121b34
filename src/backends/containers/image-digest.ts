import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, ContainerRuntime, ContainerSpec } from '../../model/index.ts';
import { baseEnvironment, runCommand, which } from '../../process/index.ts';
import { FOUND_FIRST, programOf } from './container-facts.ts';
import { IMAGES_FOLDER, pinName } from './image-text.ts';

const INSPECT_MS = 30_000;

/** Where and when images are looked up. */
export interface ImageDigestsOptions {
  readonly clock: Clock;
  /** The project's directory, absolute. */
  readonly project: string;
  /** The store's directory, absolute. */
  readonly directory: string;
}

/**
 * What images are, as far as this machine knows without fetching anything: for whoever has to know it before the work begins.
 * Each is asked for once.
 */
export class ImageDigests {
  readonly #options: ImageDigestsOptions;
  readonly #known = new Map<string, Promise<string | undefined>>();

  constructor(options: ImageDigestsOptions) {
    this.#options = options;
  }

  /**
   * The digest a name has in it; else what the name stands for in a run that has begun; else the one of the image that podman or
   * docker have here under that name. Of an unpacked image or an archive its place, size and when it was changed last. Undefined:
   * that can't be known here.
   */
  of(spec: ContainerSpec, run = ''): Promise<string | undefined> {
    const key = `${run} ${spec.runtime ?? ''} ${spec.image}`;
    let found = this.#known.get(key);
    if (found === undefined) {
      found = this.#look(spec, run);
      this.#known.set(key, found);
      // What is not here may be a moment later: the job that wants it fetches it.
      void found.then((digest) => digest === undefined && this.#known.delete(key));
    }
    return found;
  }

  async #look(spec: ContainerSpec, run: string): Promise<string | undefined> {
    const { clock, project, directory } = this.#options;
    const image = spec.image.replace(/^\$\{project\}/, () => project);
    const named = /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1];
    if (named !== undefined) return named;
    if (image.startsWith('/')) return fileIdentity(image);
    const runtime = spec.runtime ?? firstHere();
    const pinned = run === '' || runtime === undefined ? undefined : readPin({ image, run, runtime, directory });
    if (pinned !== undefined) return pinned;
    if (runtime !== 'podman' && runtime !== 'docker') return undefined;
    const format = runtime === 'podman' ? '{{.Digest}}' : '{{.Id}}{{range .RepoDigests}} {{.}}{{end}}';
    try {
      const argv = [runtime, 'image', 'inspect', '--format', format, image];
      const { stdout } = await runCommand(argv, { clock, timeoutMs: INSPECT_MS });
      const [own = '', first = ''] = stdout.trim().split(' ');
      return /@(sha256:[0-9a-f]{64})$/.exec(first)?.[1] ?? (own === '' ? undefined : own);
    } catch {
      return undefined;
    }
  }
}

interface Pin {
  readonly image: string;
  readonly run: string;
  readonly runtime: ContainerRuntime;
  readonly directory: string;
}

/** What a run that works in this store has found the name to stand for. */
function readPin({ image, run, runtime, directory }: Pin): string | undefined {
  try {
    const path = join(directory, 'work', run, IMAGES_FOLDER, `${pinName(image)}.${runtime}`);
    const digest = readFileSync(path, 'utf8').split(' ')[1];
    return digest === undefined || digest === '-' ? undefined : digest;
  } catch {
    return undefined;
  }
}

/** Reading all of an image would take longer than most work in it. */
function fileIdentity(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? undefined : `${path} ${stat.size} ${Math.floor(stat.mtimeMs)}`;
}

/** The runtime that is taken on this machine where nobody says which. */
function firstHere(): ContainerRuntime | undefined {
  const path = baseEnvironment()['PATH'] ?? '';
  return FOUND_FIRST.find((runtime) => which(programOf(runtime), path) !== undefined);
}
