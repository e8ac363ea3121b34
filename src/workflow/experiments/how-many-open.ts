/** A run that has been started and has not ended. */
export interface OpenRun {
  /** Number of its jobs. */
  readonly size: number;
}

/** As many as keep any machine busy, whatever their shape: a run may be a chain. */
const ALWAYS = 16;
const MOST = 512;
/** Jobs that wait in memory. Small runs may be many, large ones a few. */
const MANY_JOBS = 50_000;
const TOO_MANY_JOBS = 2_000_000;
const SOME = 64;

/** Whether another point may be started beside those that run: so many that no slot is idle, so few that memory is. */
export function mayOpen(open: readonly OpenRun[]): boolean {
  if (open.length < ALWAYS) return true;
  if (open.length >= MOST) return false;
  const jobs = open.reduce((sum, { size }) => sum + size, 0);
  return jobs < (open.length < SOME ? TOO_MANY_JOBS : MANY_JOBS);
}
