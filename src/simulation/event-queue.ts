/** One thing that will happen: at a time, and among equals in order of scheduling. */
export interface QueuedEvent {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

function isBefore(a: QueuedEvent, b: QueuedEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** A binary heap of events; cancelled ones stay in it until they come up. */
export class EventQueue {
  readonly #heap: QueuedEvent[] = [];
  #order = 0;

  push(at: number, run: () => void): QueuedEvent {
    this.#order += 1;
    const event: QueuedEvent = { at, order: this.#order, run, cancelled: false };
    const heap = this.#heap;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(event, heap[parent] as QueuedEvent)) break;
      heap[i] = heap[parent] as QueuedEvent;
      i = parent;
    }
    heap[i] = event;
    return event;
  }

  /** The next event that is not cancelled, without taking it. */
  peek(): QueuedEvent | undefined {
    while (this.#heap[0]?.cancelled === true) this.#take();
    return this.#heap[0];
  }

  /** Takes the next event that is not cancelled. */
  pop(): QueuedEvent | undefined {
    const event = this.peek();
    if (event !== undefined) this.#take();
    return event;
  }

  #take(): void {
    const heap = this.#heap;
    const last = heap.pop() as QueuedEvent;
    const size = heap.length;
    if (size === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      if (child + 1 < size && isBefore(heap[child + 1] as QueuedEvent, heap[child] as QueuedEvent)) child += 1;
      if (!isBefore(heap[child] as QueuedEvent, last)) break;
      heap[i] = heap[child] as QueuedEvent;
      i = child;
    }
    heap[i] = last;
  }
}
