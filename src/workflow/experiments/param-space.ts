import { HeddleError, type Json } from '../../model/index.ts';
import { canonicalJson } from '../canonical-json.ts';
import { conditionText, type SpaceCondition, testOf } from './condition.ts';
import type { Param } from './param.ts';

/** What a space is made of. */
export interface SpaceParts {
  /** As they stand in its points. Asked for when they are wanted: a file may have to be read. */
  readonly names: () => readonly string[];
  /** Anew each time: nothing is built beforehand. */
  readonly points: () => Iterable<Param>;
  /** How many, where that is known without going through them. */
  readonly count?: () => number;
  /** Whether no two can be equal. */
  readonly isDistinct: () => boolean;
  /** As JSON that `spaceFromData` reads; undefined where a function says which points stay. */
  readonly data: () => Json | undefined;
  /** What it is, for errors. */
  readonly what: string;
  /** Throws when something in it names a parameter that is not there. */
  readonly check?: () => void;
}

/**
 * Points, each a set of parameters: data that is gone through one by one, in an order that is always the same. Equal points are
 * one. Made by `grid`, `zip`, `list`, `random`, `latinHypercube`, `sobol`, `fromCsv`, `product` and `union`.
 */
export class ParamSpace<P extends object = Param> implements Iterable<Param<P>> {
  readonly #parts: SpaceParts;
  #count: number | undefined;

  /** @internal */
  constructor(parts: SpaceParts) {
    this.#parts = parts;
  }

  /** The parameters' names. @throws {HeddleError} FILE_NOT_FOUND, INPUT_INVALID of a file that has to be read */
  get names(): readonly string[] {
    return this.#parts.names();
  }

  /** What it is, for people: `grid of 12 points`. @internal */
  get what(): string {
    return this.#parts.what;
  }

  /** Whether no two of its points can be equal, without looking. @internal */
  get isDistinct(): boolean {
    return this.#parts.isDistinct();
  }

  *[Symbol.iterator](): Generator<Param<P>, void> {
    if (this.#parts.isDistinct()) {
      yield* this.#parts.points() as Iterable<Param<P>>;
      return;
    }
    const seen = new Set<string>();
    for (const point of this.#parts.points()) {
      const key = canonicalJson(point);
      if (seen.has(key)) continue;
      seen.add(key);
      yield point as Param<P>;
    }
  }

  /** How many points there are: known at once for a grid, counted by going through them where points are dropped. */
  get size(): number {
    const { count, isDistinct } = this.#parts;
    this.#count ??= count !== undefined && isDistinct() ? count() : counted(this);
    return this.#count;
  }

  /**
   * Drops the points that don't satisfy a condition: a function, or data that YAML can say too.
   *
   * @example
   * grid({ density: [0.1, 0.8], temperature: [0.7, 1.4] }).where((p) => p.density < 0.5 || p.temperature > 1)
   * grid({ density: [0.1, 0.8] }).where({ left: 'density', compare: '<', right: 0.5 })
   */
  where(condition: ((point: Param<P>) => boolean) | SpaceCondition): ParamSpace<P> {
    const parts = this.#parts;
    const isFunction = typeof condition === 'function';
    const test = (): ((point: Param) => boolean) =>
      isFunction ? (condition as (point: Param) => boolean) : testOf(condition, parts.names());
    return new ParamSpace<P>({
      names: parts.names,
      *points() {
        const stays = test();
        for (const point of parts.points()) if (stays(point)) yield point;
      },
      isDistinct: parts.isDistinct,
      data: () => {
        const inner = parts.data();
        return isFunction || inner === undefined ? undefined : withCondition(inner, condition as unknown as Json);
      },
      check: () => void test(),
      what: `${parts.what} where ${isFunction ? 'a function says so' : conditionText(condition)}`,
    });
  }

  /** Looks up what conditions and products name, without a point. @throws {HeddleError} PARAMETER_INVALID, INPUT_INVALID @internal */
  assertNamesKnown(): void {
    this.#parts.check?.();
    void this.#parts.names();
  }

  /** @throws {HeddleError} INPUT_INVALID when there is no point in it, with the reason */
  assertNotEmpty(): void {
    for (const _ of this) return;
    throw new HeddleError('INPUT_INVALID', `the parameter space is empty: no point of the ${this.#parts.what}`, {
      hint: 'loosen the condition, or give values that satisfy it',
    });
  }

  /** As JSON that `spaceFromData` reads; undefined where a function says which points stay. */
  toData(): Json | undefined {
    return this.#parts.data();
  }
}

function counted(points: Iterable<unknown>): number {
  let count = 0;
  for (const _ of points) count += 1;
  return count;
}

function withCondition(data: Json, condition: Json): Json {
  const { where = [], ...space } = data as { readonly where?: readonly Json[] } & Readonly<Record<string, Json>>;
  return { ...space, where: [...(where as readonly Json[]), condition] };
}
