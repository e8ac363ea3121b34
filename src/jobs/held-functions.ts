import { dropLocal, holdLocal } from '../calls/index.ts';
import type { AnyFunction } from './job-state.ts';

interface Held {
  readonly id: string;
  /** The reference as JSON. */
  readonly text: string;
  uses: number;
}

/** Functions that stay in this process's memory while a job may call them, each once however many jobs do. */
export class HeldFunctions implements Disposable {
  readonly #held = new Map<AnyFunction, Held>();

  /** Keeps it for one more job; gives its reference as JSON. */
  keep(fn: AnyFunction): string {
    const known = this.#held.get(fn);
    if (known !== undefined) {
      known.uses += 1;
      return known.text;
    }
    const reference = holdLocal(fn);
    const id = reference.kind === 'local' ? reference.id : '';
    const text = JSON.stringify(reference);
    this.#held.set(fn, { id, text, uses: 1 });
    return text;
  }

  /** One job less. */
  release(fn: AnyFunction): void {
    const known = this.#held.get(fn);
    if (known === undefined) return;
    known.uses -= 1;
    if (known.uses > 0) return;
    this.#held.delete(fn);
    dropLocal(known.id);
  }

  [Symbol.dispose](): void {
    for (const { id } of this.#held.values()) dropLocal(id);
    this.#held.clear();
  }
}
