import { type CommandPayload, type InputSpec, type OutputSpec, quoteWord } from '../../model/index.ts';
import { RESERVED_PATHS } from '../../workflow/index.ts';

/** A file to be written: its id in the trace, and how large. */
export interface ReplayFile {
  readonly id: string;
  readonly bytes: number;
}

export interface Replay {
  readonly seconds: number;
  readonly outputs: readonly ReplayFile[];
  /** Files that upstream tasks made: which, and the upstream's number. */
  readonly inputs: readonly { readonly id: string; readonly from: number }[];
}

/** Whole microseconds: no `sleep` does better, and no figure needs an exponent. */
const SLEEP_DIGITS = 6;

/**
 * A recorded task as a command: it waits as long as recorded and writes its files at recorded size.
 * It is as little shell as can be, since a trace replayed without waiting is nothing else.
 */
export function replayPayload({ seconds, outputs, inputs }: Replay): CommandPayload {
  const paths = flatNames(outputs.map(({ id }) => id));
  const names = flatNames(inputs.map(({ id }) => id));
  const specs = outputs.map(({ id }, i): OutputSpec => ({ name: id, path: paths[i] as string, type: 'file' }));
  const links = inputs.map(({ id, from }, i): InputSpec => ({ name: names[i] as string, from: { $ref: [from, id] } }));
  const bytes = outputs.map((output) => output.bytes);
  return {
    script: [
      replayScript(
        seconds,
        outputs.map((output, i) => ({ path: paths[i] as string, bytes: output.bytes })),
      ),
    ],
    ...(links.length === 0 ? {} : { inputs: links }),
    ...(specs.length === 0 ? {} : { outputs: specs }),
    replay: bytes.some((count) => count > 0) ? { seconds, bytes } : { seconds },
  };
}

function replayScript(seconds: number, files: readonly { readonly path: string; readonly bytes: number }[]): string {
  const steps: string[] = [];
  const pause = seconds.toFixed(SLEEP_DIGITS).replace(/\.?0+$/, '');
  if (pause !== '0' && pause !== '') steps.push(`sleep ${pause}`);
  const empty = files.filter(({ bytes }) => bytes === 0);
  // One builtin makes them all: each redirection creates its file.
  if (empty.length > 0) steps.push(`: ${empty.map(({ path }) => `>${quoteWord(path)}`).join(' ')}`);
  for (const { path, bytes } of files) if (bytes > 0) steps.push(`head -c ${bytes} /dev/zero >${quoteWord(path)}`);
  return steps.length === 0 ? ':' : steps.join(' && ');
}

/**
 * Names for files in one flat directory: the last part of each id, with a number before it where that is
 * taken or the engine's. Nothing leaves the directory, and no directory has to be made.
 */
function flatNames(ids: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return ids.map((id) => {
    const own = id.split('/').findLast((part) => part !== '' && part !== '.') ?? 'file';
    let name = own;
    for (let k = 2; taken.has(name) || RESERVED_PATHS.has(name); k += 1) name = `${k}-${own}`;
    taken.add(name);
    return name;
  });
}
