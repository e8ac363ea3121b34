/** Takes what would have been written to a stream of the process. */
export type TakeOutput = (stream: 'stdout' | 'stderr', bytes: Uint8Array) => void;

type Write = (chunk: unknown, encoding?: unknown, done?: unknown) => boolean;

/**
 * Takes over `process.stdout` and `process.stderr` of this thread or process, for good: as streams of their own they
 * would be in no order with messages. The real ones are not even opened before somebody asks for them.
 */
export function captureOutput(take: TakeOutput): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const original = Object.getOwnPropertyDescriptor(process, name) as PropertyDescriptor;
    let stream: NodeJS.WriteStream | undefined;
    const open = (): NodeJS.WriteStream => {
      const opened = (original.value ?? original.get?.call(process)) as NodeJS.WriteStream;
      opened.write = writer((bytes) => take(name, bytes)) as typeof opened.write;
      return opened;
    };
    Object.defineProperty(process, name, {
      configurable: true,
      enumerable: true,
      get: () => {
        stream ??= open();
        return stream;
      },
    });
  }
}

/** A stream's `write` that gives the bytes away and is never full. */
export function writer(take: (bytes: Uint8Array) => void): Write {
  return (chunk, encoding, done) => {
    take(bytesOf(chunk, encoding));
    const written = typeof encoding === 'function' ? encoding : done;
    if (typeof written === 'function') queueMicrotask(() => (written as () => void)());
    return true;
  };
}

function bytesOf(chunk: unknown, encoding: unknown): Uint8Array {
  if (typeof chunk === 'string') {
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  }
  if (ArrayBuffer.isView(chunk)) {
    // Whoever wrote it may use it again before it is sent.
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength).slice();
  }
  throw new TypeError(`a stream takes strings, Buffers and views, not ${chunk === null ? 'null' : typeof chunk}`);
}
