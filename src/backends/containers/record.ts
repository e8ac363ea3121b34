import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONTAINER_RUNTIMES, type ContainerRuntime } from '../../model/index.ts';
import { CONTAINER_FILE } from './container-facts.ts';

/** What an attempt's directory says of its container. */
export interface ContainerRecord {
  readonly attempt: string;
  /** Absent: none was found. */
  readonly runtime?: ContainerRuntime;
  readonly name: string;
  /** As the task names it. */
  readonly image: string;
  /** What that stood for: an image's id or name with digest, or a path. */
  readonly id: string;
  /**
   * `sha256:...` of the image's manifest, of an imported docker image its id, of an archive its content; `dir:<epoch seconds>` of
   * a folder, which can't be told by content in reasonable time: when it was changed last.
   */
  readonly digest: string;
  readonly network: string;
  readonly memoryBytes?: number;
  /** `ended`: by itself, and nothing of it is left. */
  readonly state: 'starting' | 'ended';
  /** What was heard from inside: nothing (''), that the command began, that its shell has ended by itself. */
  readonly said: '' | 'began' | 'exited';
  /** Why nothing ran, where it was clear before the runtime was asked. */
  readonly failed: '' | 'image' | 'runtime';
  readonly code: number;
  /** The kernel has killed in there for memory. */
  readonly oom: boolean;
}

/** Reads `container.json` of an attempt's directory; undefined where there is none, or none that is whole. */
export function readContainer(directory: string): ContainerRecord | undefined {
  try {
    return parseContainer(readFileSync(join(directory, CONTAINER_FILE), 'utf8'));
  } catch {
    return undefined;
  }
}

/** The same from its text, which may come from another machine; undefined when it is not whole. */
export function parseContainer(text: string): ContainerRecord | undefined {
  let raw: Partial<Record<keyof ContainerRecord, unknown>>;
  try {
    raw = JSON.parse(text) as typeof raw;
  } catch {
    return undefined;
  }
  if (typeof raw !== 'object' || raw === null || typeof raw.attempt !== 'string') return undefined;
  const runtime = CONTAINER_RUNTIMES.find((each) => each === raw.runtime);
  return {
    attempt: raw.attempt,
    ...(runtime === undefined ? {} : { runtime }),
    name: String(raw.name),
    image: String(raw.image),
    id: String(raw.id),
    digest: String(raw.digest),
    network: String(raw.network),
    ...(typeof raw.memoryBytes === 'number' ? { memoryBytes: raw.memoryBytes } : {}),
    state: raw.state === 'ended' ? 'ended' : 'starting',
    said: raw.said === 'began' || raw.said === 'exited' ? raw.said : '',
    failed: raw.failed === 'image' || raw.failed === 'runtime' ? raw.failed : '',
    code: Number(raw.code ?? 0),
    oom: raw.oom === true,
  };
}
