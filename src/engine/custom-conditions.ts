import { asError } from '../model/index.ts';
import type { CustomCondition } from './api.ts';
import type { Core } from './core.ts';

/** What a condition said last. */
interface Word {
  said: boolean;
  /** Monotonic: until then it isn't asked again. */
  until: number;
  /** A promise of it has not settled: until then the word is no. */
  isPending: boolean;
  /** A promise has settled, and nobody has looked since. */
  isNews: boolean;
}

/** What the conditions need of the engine around them. */
interface ConditionHost {
  readonly core: Core;
  /** Takes the time, lets `input` change the core, and sees to it that a turn follows. */
  input(input: () => void): void;
}

/** A pace below this would be a loop. */
const FASTEST_MS = 1;
/** At so many, the words that hold no longer are forgotten. */
const MOST_WORDS = 1024;

/**
 * Asks custom conditions, each at its own pace: between two looks its word holds, so that a job whose condition was true
 * when it was looked at starts though the condition would say something else by then. What user code throws is told
 * and counts as no.
 */
export class CustomConditions {
  readonly #host: ConditionHost;
  readonly #find: (name: string) => CustomCondition | undefined;
  readonly #words: Map<string, Word> = new Map();
  readonly #unknown = new Set<string>();
  #most = MOST_WORDS;

  constructor(host: ConditionHost, find: (name: string) => CustomCondition | undefined) {
    this.#host = host;
    this.#find = find;
  }

  /** The word of a condition, asked for anew when the last one is older than its pace. */
  holds(name: string, everyMs: number): boolean {
    const { mono } = this.#host.core.now;
    const holdsMs = Math.max(FASTEST_MS, everyMs);
    const word = this.#words.get(name);
    if (word?.isPending === true) return false;
    if (word !== undefined && word.isNews) {
      // However late the look comes, the answer was asked for by it.
      word.isNews = false;
      word.until = mono + holdsMs;
    }
    if (word !== undefined && mono < word.until) return word.said;
    const fresh: Word = { said: false, until: mono + holdsMs, isPending: false, isNews: false };
    this.#keep(name, fresh);
    this.#ask(name, fresh);
    return fresh.said;
  }

  #ask(name: string, word: Word): void {
    try {
      const condition = this.#find(name);
      if (condition === undefined) this.#tellUnknown(name);
      const answer = condition?.() ?? false;
      if (typeof answer === 'boolean') {
        word.said = answer;
        return;
      }
      word.isPending = true;
      Promise.resolve(answer).then(
        (said) => this.#settle(word, said === true),
        (thrown: unknown) =>
          this.#host.input(() => {
            this.#tell(name, thrown);
            this.#settle(word, false);
          }),
      );
    } catch (thrown) {
      this.#tell(name, thrown);
    }
  }

  #settle(word: Word, said: boolean): void {
    word.said = said;
    word.isPending = false;
    word.isNews = true;
  }

  #tell(name: string, thrown: unknown): void {
    const message = `condition "${name}" threw and counts as false: ${asError(thrown).message}`;
    this.#host.core.notice('condition-threw', message);
  }

  /** It went with the program that made it. */
  #tellUnknown(name: string): void {
    if (this.#unknown.has(name)) return;
    this.#unknown.add(name);
    const message = `no condition "${name}" in this program: what waits for it waits until it is cancelled, or resumed where it is`;
    this.#host.core.notice('condition-unknown', message);
  }

  #keep(name: string, word: Word): void {
    this.#words.set(name, word);
    if (this.#words.size < this.#most) return;
    const { mono } = this.#host.core.now;
    for (const [key, { until, isPending, isNews }] of this.#words)
      if (until <= mono && !isPending && !isNews) this.#words.delete(key);
    this.#most = Math.max(MOST_WORDS, 2 * this.#words.size);
  }
}
