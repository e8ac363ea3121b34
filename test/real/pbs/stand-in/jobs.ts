/** What a submission asked for. */
export interface Wish {
  readonly name: string;
  readonly user: string;
  readonly script: string;
  readonly directory: string;
  readonly shell: string;
  readonly output: string | undefined;
  readonly queue: string;
  readonly account: string | undefined;
  readonly ncpus: number;
  readonly walltime: number | undefined;
  readonly resources: Readonly<Record<string, string>>;
  readonly range: IndexRange | undefined;
  readonly isHeld: boolean;
}

export interface IndexRange {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

export type State = 'Q' | 'H' | 'R' | 'E' | 'X' | 'F';

/** A job, or an element of an array. */
export interface Job {
  readonly number: number;
  readonly index: number | undefined;
  readonly wish: Wish;
  state: State;
  substate: number;
  exitStatus: number | undefined;
  runCount: number;
  comment: string;
  pid: number | undefined;
  startedAt: number | undefined;
  isDeleted: boolean;
  isOverTime: boolean;
}

/** A submission: one job, or the elements of an array. */
export interface Submission {
  readonly number: number;
  readonly wish: Wish;
  readonly jobs: readonly Job[];
}

export const SERVER = 'pbslab';

export function jobId({ number, index }: Pick<Job, 'number' | 'index'>): string {
  return index === undefined ? `${number}.${SERVER}` : `${number}[${index}].${SERVER}`;
}

export function submissionId({ number, wish }: Submission): string {
  return wish.range === undefined ? `${number}.${SERVER}` : `${number}[].${SERVER}`;
}

export function indicesOf({ first, last, step }: IndexRange): readonly number[] {
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, n) => first + n * step);
}

export function isOver({ state }: Job): boolean {
  return state === 'F' || state === 'X';
}
