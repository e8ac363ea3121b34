import type { Clock, Timer } from '../../model/index.ts';
import type { Connection, Transport } from '../transport/index.ts';

/** So long nothing may move before anybody asks whether the other side is there at all. */
const SILENT_MS = 60_000;

/** Moves bytes on, and knows when it did. */
export interface Pulse {
  /** Bytes so far, either way. */
  moved: number;
}

/**
 * Watches a trip: bytes may rest for hours while the other side unpacks and hashes, but then it answers a script beside
 * that. Where it doesn't, the trip is ended. A connection of ours would notice by itself; one of the user's may not.
 */
export function watchSilence(
  {
    transport,
    connection,
    clock,
  }: { readonly transport: Transport; readonly connection: Connection; readonly clock: Clock },
  pulse: Pulse,
): Disposable {
  let seen = -1;
  let timer: Timer | undefined;
  let isOver = false;
  const look = async (): Promise<void> => {
    if (pulse.moved === seen) {
      const answer = await transport.run('true', { timeoutMs: SILENT_MS });
      if (isOver) return;
      if (answer.kind !== 'ended' && pulse.moved === seen) connection.close();
    }
    seen = pulse.moved;
    wait();
  };
  const wait = (): void => {
    timer = clock.after(SILENT_MS, () => void look());
  };
  wait();
  return {
    [Symbol.dispose]: () => {
      isOver = true;
      timer?.cancel();
    },
  };
}

/** Counts what passes. */
export async function* counted(pieces: AsyncIterable<Buffer>, pulse: Pulse): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    pulse.moved += piece.length;
    yield piece;
  }
}
