import type { ResolvedInput } from '../../model/index.ts';

/** A file value as a call is given it, with where it lies. */
interface FoundFile {
  readonly at: string;
  readonly sha256: string;
  readonly size: number;
  readonly name?: string;
}

/** Arguments of a call whose files are in its own directory, and these files as inputs. */
export interface LocalArguments {
  readonly args: readonly unknown[];
  readonly inputs: readonly ResolvedInput[];
}

/** Names stay what they are, as far as a file system takes them. */
const UNFIT = /[^\w.+@ -]/g;

/**
 * Takes the files among arguments along: each becomes an input in the directory of the call, and its value says that place,
 * so that `filePath()` finds it there, whatever disk that is.
 */
export function localArguments(args: readonly unknown[]): LocalArguments {
  const inputs = new Map<string, ResolvedInput>();
  const walk = (data: unknown): unknown => {
    if (typeof data !== 'object' || data === null) return data;
    if (Array.isArray(data)) return data.map(walk);
    if (data instanceof Map) return new Map([...data].map(([key, value]) => [walk(key), walk(value)]));
    if (data instanceof Set) return new Set([...data].map(walk));
    if (Object.getPrototypeOf(data) !== Object.prototype) return data;
    if (!isFile(data)) return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, walk(value)]));
    const { at, sha256, size, name = 'file' } = data;
    const place = `files/${sha256.slice(0, 16)}/${name.replace(UNFIT, '_')}`;
    inputs.set(place, { name: place, at, sha256, size });
    return { ...data, at: `inputs/${place}` };
  };
  const walked = args.map(walk);
  return { args: walked, inputs: [...inputs.values()] };
}

function isFile(data: object): data is FoundFile {
  const { at, sha256, size } = data as Partial<FoundFile>;
  return (
    typeof at === 'string' && typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) && typeof size === 'number'
  );
}
