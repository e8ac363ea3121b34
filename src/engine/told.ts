import type { Detail, Status } from '../model/index.ts';
import { CREATED, detailCode, PENDING, SKIPPED, statusCode } from './codes.ts';
import type { RunDraft } from './outbox.ts';
import type { RunState } from './run-state.ts';

/**
 * What of a run has been committed, and so may be told. The core decides ahead of it: between a decision and its
 * commit (a long time where the disk is full) whoever asks is told what was so before.
 */
export class Told {
  readonly counts: Int32Array = new Int32Array(7);
  size = 0;
  status: Status = 'created';
  detail: Detail = '';
  startedAt = 0;
  endedAt = 0;
  #statuses: Uint8Array = new Uint8Array(0);
  #details: Uint8Array = new Uint8Array(0);

  /** Takes a run as it is: it was just made, or just read back. */
  takeAll(run: RunState): void {
    const { table } = run;
    this.size = table.size;
    this.#statuses = table.status.slice(0, table.size);
    this.#details = table.detail.slice(0, table.size);
    this.counts.set(run.counts);
    this.status = run.status;
    this.detail = run.detail;
    this.startedAt = run.startedAt;
    this.endedAt = run.endedAt;
  }

  /** Takes what a commit held. */
  apply({ segments, transitions, skipped, patch }: RunDraft): void {
    for (const { first, last } of segments) this.#grow(last - first);
    for (const { job, to, detail } of transitions) {
      const code = statusCode(to);
      const from = this.statusOf(job);
      this.counts[from] = (this.counts[from] as number) - 1;
      this.counts[code] = (this.counts[code] as number) + 1;
      this.#statuses[job] = code;
      this.#details[job] = detailCode(detail);
    }
    for (const job of skipped ?? []) {
      const from = this.statusOf(job);
      this.counts[from] = (this.counts[from] as number) - 1;
      this.counts[SKIPPED] = (this.counts[SKIPPED] as number) + 1;
      this.#statuses[job] = SKIPPED;
      this.#details[job] = 0;
    }
    if (patch === undefined) return;
    this.status = patch.status ?? this.status;
    this.detail = patch.detail ?? this.detail;
    this.startedAt = patch.startedAt ?? this.startedAt;
    this.endedAt = patch.endedAt ?? this.endedAt;
  }

  /** Code of a job's status. */
  statusOf(job: number): number {
    return this.#statuses[job] ?? CREATED;
  }

  /** Code of what stands beside it. */
  detailOf(job: number): number {
    return this.#details[job] ?? 0;
  }

  #grow(count: number): void {
    const first = this.size;
    this.size += count;
    if (this.size > this.#statuses.length) {
      const room = Math.max(this.size, Math.ceil(this.#statuses.length * 1.5));
      const statuses = new Uint8Array(room);
      statuses.set(this.#statuses);
      this.#statuses = statuses;
      const details = new Uint8Array(room);
      details.set(this.#details);
      this.#details = details;
    }
    this.#statuses.fill(PENDING, first, this.size);
    this.counts[PENDING] = (this.counts[PENDING] as number) + count;
  }
}
