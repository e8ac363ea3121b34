import { statSync } from 'node:fs';
import { type Clock, CONTAINER_RUNTIMES, type ContainerRuntime, type ContainerSpec } from '../../model/index.ts';
import { baseEnvironment, runCommand, which } from '../../process/index.ts';

const INSPECT_MS = 30_000;

/**
 * What images are, as far as this machine knows without fetching anything: for whoever has to know it before the work begins.
 * Each is asked for once.
 */
export class ImageDigests {
  readonly #clock: Clock;
  readonly #project: string;
  readonly #known = new Map<string, Promise<string | undefined>>();

  constructor({ clock, project }: { readonly clock: Clock; readonly project: string }) {
    this.#clock = clock;
    this.#project = project;
  }

  /**
   * The digest a name has in it, else the one of the image that podman or docker have here under that name; of an unpacked image or
   * an archive its place and when it was changed last. Undefined: that can't be known here.
   */
  of(spec: ContainerSpec): Promise<string | undefined> {
    const key = `${spec.runtime ?? ''} ${spec.image}`;
    let found = this.#known.get(key);
    if (found === undefined) {
      found = this.#look(spec);
      this.#known.set(key, found);
      // What is not here may be a moment later: the job that wants it fetches it.
      void found.then((digest) => digest === undefined && this.#known.delete(key));
    }
    return found;
  }

  async #look(spec: ContainerSpec): Promise<string | undefined> {
    const image = spec.image.replace(/^\$\{project\}/, () => this.#project);
    const named = /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1];
    if (named !== undefined) return named;
    if (image.startsWith('/')) return fileIdentity(image);
    const runtime = spec.runtime ?? firstHere();
    if (runtime !== 'podman' && runtime !== 'docker') return undefined;
    const format = runtime === 'podman' ? '{{.Digest}}' : '{{.Id}}{{range .RepoDigests}} {{.}}{{end}}';
    try {
      const argv = [runtime, 'image', 'inspect', '--format', format, image];
      const { stdout } = await runCommand(argv, { clock: this.#clock, timeoutMs: INSPECT_MS });
      const [own = '', first = ''] = stdout.trim().split(' ');
      return /@(sha256:[0-9a-f]{64})$/.exec(first)?.[1] ?? (own === '' ? undefined : own);
    } catch {
      return undefined;
    }
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
  return CONTAINER_RUNTIMES.find((runtime) => which(runtime, path) !== undefined);
}
