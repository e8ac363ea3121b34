import { GATHER_SUFFIX, type NodeRecord } from './recorder.ts';

/** A nested workflow: what its function records has names that begin with its own. */
export interface NameScope {
  readonly workflow: string;
  readonly outer: NameScope | undefined;
  /** Where in what is recorded it began. */
  readonly first: number;
}

/**
 * Names of all records in their order: as given by hand, else `simulate-1`, `simulate-2`, ... in order of the calls,
 * leaving out what was given by hand. Inside a nested workflow it all stands behind that one's own name, `sub-1/simulate-1`.
 */
export function namesOf(records: readonly NodeRecord[]): readonly string[] {
  const namer = new Namer(records);
  const names: string[] = [];
  for (const record of records) {
    const { gathers } = record;
    names.push(gathers === undefined ? namer.name(record) : `${names[gathers.index] as string}${GATHER_SUFFIX}`);
  }
  return names;
}

class Namer {
  readonly #byHand = new Map<NameScope | undefined, Set<string>>();
  readonly #counters = new Map<NameScope | undefined, Map<string, number>>();
  readonly #prefixes = new Map<NameScope | undefined, string>([[undefined, '']]);

  constructor(records: readonly NodeRecord[]) {
    for (const { name, scope } of records) {
      if (name === undefined) continue;
      const names = this.#byHand.get(scope);
      if (names === undefined) this.#byHand.set(scope, new Set([name]));
      else names.add(name);
    }
  }

  name({ name, scope, definition }: NodeRecord): string {
    return `${this.#prefixOf(scope)}${name ?? this.#next(scope, definition.name)}`;
  }

  #prefixOf(scope: NameScope | undefined): string {
    const known = this.#prefixes.get(scope);
    if (known !== undefined || scope === undefined) return known ?? '';
    const prefix = `${this.#prefixOf(scope.outer)}${this.#next(scope.outer, scope.workflow)}/`;
    this.#prefixes.set(scope, prefix);
    return prefix;
  }

  #next(scope: NameScope | undefined, task: string): string {
    let counters = this.#counters.get(scope);
    if (counters === undefined) this.#counters.set(scope, (counters = new Map()));
    const taken = this.#byHand.get(scope);
    let count = counters.get(task) ?? 0;
    do count += 1;
    while (taken?.has(`${task}-${count}`) === true);
    counters.set(task, count);
    return `${task}-${count}`;
  }
}
