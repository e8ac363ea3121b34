import type {
  AttemptId,
  EngineEvent,
  Graph,
  JobRow,
  Outcome,
  RunPatch,
  SubmissionId,
  SubmissionRow,
  Transition,
  ValueRow,
} from '../model/index.ts';
import type { LiveAttempt } from './attempts.ts';
import type { ReadyControl } from './controls.ts';
import type { Question } from './questions.ts';
import type { RunState } from './run-state.ts';

/** A transition on its way to the journal and to listeners. */
export interface TransitionDraft extends Transition {
  readonly outcome?: Outcome;
}

/** A job's row on its way to the store. `thin`: it says nothing of the latest attempt; what is stored of that stays. */
export interface RowDraft {
  readonly row: JobRow;
  readonly thin: boolean;
}

/** Jobs of a run that are new. */
export interface AddedSegment {
  readonly first: number;
  /** One past the last. */
  last: number;
  /** Absent: small ones that came one after the other, to be read from where they were gathered. */
  graph: Graph | undefined;
}

/** What one run adds to the next commit. */
export interface RunDraft {
  readonly run: RunState;
  readonly rows: RowDraft[];
  readonly values: ValueRow[];
  readonly submissions: SubmissionRow[];
  readonly transitions: TransitionDraft[];
  readonly segments: AddedSegment[];
  /** Nodes that will never be jobs. */
  skipped: Set<number> | undefined;
  /** Sequence number of its first transition, once it is on its way; -1: the run has no part in the commit. */
  firstSeq: number;
  patch: RunPatch | undefined;
  /** The run reached a final status, or stands interrupted: those who wait for it are told. */
  settled: boolean;
  /** The run is given up after this commit. */
  released: boolean;
}

/**
 * What has been decided and not been committed. One outbox is one commit: nothing in it has an
 * effect on the world or is told to anybody before that commit has succeeded.
 */
export class Outbox {
  readonly drafts: Map<RunState, RunDraft> = new Map();
  launches: LiveAttempt[] = [];
  /** Submissions of backends that take batches, by what goes into one, and how many attempts each has so far. */
  batches: Map<string, { readonly id: SubmissionId; size: number }> | undefined;
  /** Control nodes to be expanded: what they wait for is committed by then. */
  expansions: ReadyControl[] = [];
  /** Jobs for which an earlier result may stand: what they wait for is committed by then. */
  questions: Question[] = [];
  cancels: LiveAttempt[] = [];
  /** Attempts that were sent ahead and are to be taken back. */
  recalls: LiveAttempt[] = [];
  /** Attempts whose backend is to be asked what became of them. */
  rechecks: LiveAttempt[] = [];
  /** Attempts whose ends this commit holds, with the backend that may forget them. */
  releases: { readonly run: RunState; readonly attempt: AttemptId; readonly backend: string }[] = [];
  /** Told along with this commit. */
  notices: EngineEvent[] = [];
  /** Called once this commit is durable. */
  readonly waiters: ((failure?: Error) => void)[] = [];
  /** Rows and transitions, as a measure of the commit's size. */
  size = 0;

  draft(run: RunState): RunDraft {
    let draft = this.drafts.get(run);
    if (draft === undefined) {
      draft = {
        run,
        rows: [],
        values: [],
        submissions: [],
        transitions: [],
        segments: [],
        skipped: undefined,
        firstSeq: -1,
        patch: undefined,
        settled: false,
        released: false,
      };
      this.drafts.set(run, draft);
    }
    return draft;
  }

  /** Drops what belongs to runs that are not this engine's any more: it was not committed, so it neither acts nor is told. */
  keepOnly(isOurs: (run: RunState) => boolean): void {
    for (const run of this.drafts.keys()) if (!isOurs(run)) this.drafts.delete(run);
    this.launches = only(this.launches, isOurs);
    this.expansions = only(this.expansions, isOurs);
    this.questions = only(this.questions, isOurs);
    this.cancels = only(this.cancels, isOurs);
    this.recalls = only(this.recalls, isOurs);
    this.rechecks = only(this.rechecks, isOurs);
    this.releases = only(this.releases, isOurs);
  }

  get isEmpty(): boolean {
    return (
      this.drafts.size === 0 &&
      this.launches.length === 0 &&
      this.expansions.length === 0 &&
      this.questions.length === 0 &&
      this.cancels.length === 0 &&
      this.recalls.length === 0 &&
      this.rechecks.length === 0 &&
      this.releases.length === 0 &&
      this.waiters.length === 0
    );
  }
}

/** The same list where nothing is dropped, which is nearly always. */
function only<Of extends { readonly run: RunState }>(list: Of[], isOurs: (run: RunState) => boolean): Of[] {
  return list.every(({ run }) => isOurs(run)) ? list : list.filter(({ run }) => isOurs(run));
}
