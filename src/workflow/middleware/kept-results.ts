import { encodeValue } from '../../calls/index.ts';
import { FileReference, type FileStore } from '../../jobs/index.ts';
import { decodeValue, HeddleError, type Json } from '../../model/index.ts';
import type { CommandResult } from './description.ts';
import type { Item } from './item.ts';

/** A result as it lies in the store: of a command the fingerprints of its files. */
type Kept =
  | { readonly kind: 'json' | 'v8'; readonly text: string }
  | {
      readonly kind: 'command';
      readonly stdout: string;
      readonly stderr: string;
      readonly files: Readonly<Record<string, string>>;
    };

/** Keeps what an item gave, for whoever opens the directory next. What is no data holds in this process alone. */
export function keepResult(store: FileStore, { uid }: Item, value: unknown): void {
  const kept = isCommandResult(value) ? keptCommand(value) : keptValue(value);
  if (kept !== undefined) store.putObject(keyOf(uid), kept as unknown as Json);
}

/** What an earlier manager of the directory got for an item; undefined when nothing, or when a file of it is gone. */
export function keptResult(store: FileStore, uid: string): { readonly value: unknown } | undefined {
  const kept = store.object(keyOf(uid)) as Kept | undefined;
  if (kept === undefined) return undefined;
  switch (kept.kind) {
    case 'json':
      return { value: decodeValue({ codec: 'json', json: kept.text }) };
    case 'v8':
      return { value: decodeValue({ codec: 'v8', bytes: Buffer.from(kept.text, 'base64') }) };
    case 'command':
      return commandResult(store, kept);
  }
}

const keyOf = (uid: string): string => `item ${uid}`;

/** An updater of somebody's own may give a command another result. */
function isCommandResult(value: unknown): value is CommandResult {
  return (
    typeof value === 'object' && value !== null && (value as Partial<CommandResult>).stdout instanceof FileReference
  );
}

function keptCommand({ stdout, stderr, files }: CommandResult): Kept {
  const names = Object.entries(files).map(([name, { sha256 }]) => [name, sha256]);
  return {
    kind: 'command',
    stdout: stdout.sha256,
    stderr: stderr.sha256,
    files: Object.fromEntries(names) as Record<string, string>,
  };
}

function commandResult(
  store: FileStore,
  kept: Extract<Kept, { kind: 'command' }>,
): { readonly value: CommandResult } | undefined {
  const [stdout, stderr] = [store.file(kept.stdout), store.file(kept.stderr)];
  const files: Record<string, FileReference> = {};
  for (const [name, sha256] of Object.entries(kept.files)) {
    const found = store.file(sha256);
    if (found === undefined) return undefined;
    files[name] = found;
  }
  return stdout === undefined || stderr === undefined ? undefined : { value: { exitCode: 0, stdout, stderr, files } };
}

function keptValue(value: unknown): Kept | undefined {
  try {
    const encoded = encodeValue(value);
    return encoded.codec === 'json'
      ? { kind: 'json', text: encoded.json }
      : { kind: 'v8', text: Buffer.from(encoded.bytes).toString('base64') };
  } catch (error) {
    if (HeddleError.is(error) && error.code === 'VALUE_INVALID') return undefined;
    throw error;
  }
}
