import { type CallContext, currentCall } from '../../calls/index.ts';
import type { CallOutput } from '../../lanes/index.ts';

type StreamName = 'stdout' | 'stderr';
type Write = NodeJS.WriteStream['write'];

const STREAMS: readonly StreamName[] = ['stdout', 'stderr'];

/** Calls of this process whose output goes to files. What all others say goes where it always went. */
const redirected = new Map<CallContext, CallOutput>();
/** What stood in our place; undefined where the stream had a `write` of its kind alone. */
const replaced = new Map<StreamName, { readonly ours: Write; readonly before: PropertyDescriptor | undefined }>();

/**
 * Sends what a call writes to this process's streams into its files, until the function it gives is called. The streams
 * are touched only as long as there is such a call.
 */
export function redirectOutput(context: CallContext, output: CallOutput): () => void {
  if (redirected.size === 0) for (const name of STREAMS) takeOver(name);
  redirected.set(context, output);
  return () => {
    redirected.delete(context);
    output.close();
    if (redirected.size === 0) for (const name of STREAMS) giveBack(name);
  };
}

function takeOver(name: StreamName): void {
  const stream = process[name];
  const before = Object.getOwnPropertyDescriptor(stream, 'write');
  const passOn = stream.write.bind(stream) as (...args: readonly unknown[]) => boolean;
  const ours = function write(chunk: unknown, ...rest: readonly unknown[]): boolean {
    const context = currentCall();
    const output = context === undefined ? undefined : redirected.get(context);
    if (output === undefined) return passOn(chunk, ...rest);
    const [encoding] = rest;
    output.write(name, bytesOf(chunk, encoding));
    const done = rest.findLast((argument) => typeof argument === 'function');
    if (done !== undefined) queueMicrotask(done as () => void);
    return true;
  } as Write;
  stream.write = ours;
  replaced.set(name, { ours, before });
}

function giveBack(name: StreamName): void {
  const taken = replaced.get(name);
  replaced.delete(name);
  const stream = process[name];
  // Whoever has put something around ours since then keeps it: ours passes on what no call says.
  if (taken === undefined || stream.write !== taken.ours) return;
  if (taken.before === undefined) Reflect.deleteProperty(stream, 'write');
  else Object.defineProperty(stream, 'write', taken.before);
}

function bytesOf(chunk: unknown, encoding: unknown): Uint8Array {
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return Buffer.from(String(chunk), typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
}
