import { HeddleError, type Json, nearestName } from '../model/index.ts';

/** Parameters that note which of them are read, so that a misspelt one is no silent no-op. */
export interface WatchedParameters {
  readonly parameters: Readonly<Record<string, Json>>;
  /** @throws {HeddleError} PARAMETER_INVALID for one that nothing has read */
  refuseUnread(): void;
  /** Names that were read and not given, in the order they were. */
  missing(): readonly string[];
}

/** Watches the top-level names of parameters that a person typed; others may be left unread. Whoever lists all names has read all. */
export function watchParameters(
  given: Readonly<Record<string, Json>>,
  others: Readonly<Record<string, Json>> = {},
): WatchedParameters {
  const wanted = new Set<string>();
  let all = false;
  const parameters = new Proxy({ ...given, ...others } as Readonly<Record<string, Json>>, {
    get(target, key, receiver) {
      if (typeof key === 'string') wanted.add(key);
      return Reflect.get(target, key, receiver) as unknown;
    },
    has(target, key) {
      if (typeof key === 'string') wanted.add(key);
      return Reflect.has(target, key);
    },
    ownKeys(target) {
      all = true;
      return Reflect.ownKeys(target);
    },
  });
  return {
    parameters,
    missing: () => [...wanted].filter((name) => !(name in given) && !(name in others)),
    refuseUnread() {
      if (all) return;
      for (const name of Object.keys(given)) if (!wanted.has(name)) throw unread(name, [...wanted]);
    },
  };
}

function unread(name: string, wanted: readonly string[]): HeddleError {
  const nearest = nearestName(name, wanted);
  const known = wanted.length === 0 ? 'it takes none' : `it reads ${[...wanted].sort().join(', ')}`;
  return new HeddleError('PARAMETER_INVALID', `parameter '${name}' is not used by the workflow`, {
    hint: nearest === undefined ? known : `did you mean '${nearest}'? ${known}`,
    details: { name },
  });
}
