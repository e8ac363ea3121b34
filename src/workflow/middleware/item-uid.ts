import { hash } from 'node:crypto';
import { callCode, describeFunction, encodeArguments } from '../../calls/index.ts';
import { FileReference } from '../../jobs/index.ts';
import { canonicalJson, HeddleError, type Json, type Ref } from '../../model/index.ts';
import type { CallDescription, CommandDescription, ItemDescription, ItemFunction } from './description.ts';
import { itemBehind, ItemPart, ItemView } from './item.ts';

/** Part of every uid: raised when what goes into them changes. */
const VERSION = 'heddle item 1';

/** What an item is, as one hash; and whether another process would say the same. */
export interface ItemIdentity {
  readonly uid: string;
  readonly isPortable: boolean;
}

/**
 * The fingerprint of what an item does and of its inputs: of a call the code of its function, with all that imports, and its
 * arguments; of a command its words, files by content, and declared outputs; the environment it declares. Other items count by
 * their uid. Labels, resources and policies do not count, nor does what a program reads without saying so.
 *
 * @throws {HeddleError} VALUE_INVALID, SCOPE_INVALID for an item of another manager
 */
export function identify(description: ItemDescription, manager: object): ItemIdentity {
  const behaviour = description.kind === 'call' ? codeHash(description.fn) : { text: 'command', isPortable: true };
  const content = contentOf(description, manager);
  const inputs = { ...content.data, environment: description.environment ?? {} };
  const text = canonicalJson([VERSION, description.kind, behaviour.text, inputs, content.uses]);
  return { uid: hash('sha256', text), isPortable: behaviour.isPortable && content.isPortable };
}

interface Content {
  readonly data: Readonly<Record<string, Json>>;
  /** What refs in the data stand for, by place. */
  readonly uses: readonly Json[];
  readonly isPortable: boolean;
}

function contentOf(description: ItemDescription, manager: object): Content {
  const uses: Json[] = [];
  let isPortable = true;
  const placeOf = (value: object): Ref | undefined => {
    const use = useOf(value, manager);
    if (use === undefined) return undefined;
    isPortable &&= use.isPortable;
    return { $ref: [uses.push(use.data) - 1] };
  };
  const data = description.kind === 'call' ? callData(description) : commandData(description);
  const [written = null] = encodeArguments([data], placeOf);
  return { data: { written: written as Json }, uses, isPortable };
}

function callData({ args }: CallDescription): unknown {
  return args;
}

function commandData({ argv, stdin, inputs, outputs }: CommandDescription): unknown {
  return [argv, stdin ?? null, Object.entries(inputs).sort(byName), Object.entries(outputs).sort(byName)];
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

function useOf(value: object, manager: object): { readonly data: Json; readonly isPortable: boolean } | undefined {
  if (value instanceof FileReference) return { data: { file: value.sha256 }, isPortable: true };
  const view = value instanceof ItemPart ? value.view : value instanceof ItemView ? value : undefined;
  if (view === undefined) return undefined;
  const behind = itemBehind(view);
  if (behind.manager !== manager) {
    throw new HeddleError(
      'SCOPE_INVALID',
      `item '${behind.item.description.label}' belongs to another workflow manager`,
      {
        hint: 'take its result: await item.result()',
      },
    );
  }
  return {
    data: { item: view.uid, path: value instanceof ItemPart ? value.path : [] },
    isPortable: behind.item.isPortable,
  };
}

interface FunctionCode {
  readonly text: string;
  readonly isPortable: boolean;
}

/** What was found once holds for as long as this process does: so does the code it has loaded. */
const codes = new WeakMap<ItemFunction, FunctionCode>();
/** Numbers functions of which this process alone knows what they do. */
let locals = 0;

function codeHash(fn: ItemFunction): FunctionCode {
  const earlier = codes.get(fn);
  if (earlier !== undefined) return earlier;
  const described = describeFunction(fn);
  const code = described.travels ? callCode(described.reference) : undefined;
  // What it closes over may be anything: it is like itself alone.
  const found =
    code === undefined ? { text: `local ${(locals += 1)}`, isPortable: false } : { text: code.hash, isPortable: true };
  codes.set(fn, found);
  return found;
}
