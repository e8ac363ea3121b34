import { type CallCode, callCode } from '../../calls/index.ts';
import type { CallReference, FingerprintStore } from '../../model/index.ts';

/**
 * What the code of functions is, looked up once a turn of work: the files of a module are looked at again in each
 * (`renew`), not for each of a thousand jobs. What a hash stands for is written down, so that it can be said which file
 * has changed.
 */
export class CodeBook {
  readonly #store: FingerprintStore | undefined;
  readonly #known = new Map<string, CallCode | undefined>();
  readonly #written = new Set<string>();
  #unwritten: CallCode[] = [];

  /** Without a store nothing is written down. */
  constructor(store?: FingerprintStore) {
    this.#store = store;
  }

  /** Files may have changed since: they are looked at again when they are next asked for. */
  renew(): void {
    this.#known.clear();
  }

  /** Undefined where the code can't be known. */
  code(reference: CallReference): CallCode | undefined {
    const key = keyOf(reference);
    const known = this.#known.get(key);
    if (known !== undefined || this.#known.has(key)) return known;
    const code = callCode(reference);
    this.#known.set(key, code);
    if (code !== undefined && !this.#written.has(code.hash)) {
      this.#written.add(code.hash);
      this.#unwritten.push(code);
    }
    return code;
  }

  /** Writes down what hashes stand for that came up since the last time. */
  async write(): Promise<void> {
    if (this.#unwritten.length === 0 || this.#store === undefined) return;
    const rows = this.#unwritten.map(({ hash, files }) => ({ hash, files: JSON.stringify(files) }));
    this.#unwritten = [];
    await this.#store.putCode(rows);
  }

  /** Hashes by file and package behind a hash that was written down. */
  async files(hash: string): Promise<Readonly<Record<string, string>> | undefined> {
    for (const code of this.#known.values()) if (code?.hash === hash) return code.files;
    const text = await this.#store?.code(hash);
    return text === undefined ? undefined : (JSON.parse(text) as Readonly<Record<string, string>>);
  }
}

/** Asked for each job: quicker than its JSON. */
function keyOf(reference: CallReference): string {
  if (reference.kind !== 'module') return JSON.stringify(reference);
  return `${reference.module}\n${reference.name}\n${reference.task === true ? 'task' : ''}`;
}
