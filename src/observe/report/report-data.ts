/** What a report shows, as the page holds it: texts once, jobs as columns. Times are milliseconds from the run's start. */
export interface ReportData {
  readonly run: ReportRun;
  readonly jobs: ReportJobs;
  readonly graph: ReportGraph;
  /** What was measured while each engine had the run, oldest first. */
  readonly series: readonly ReportSeries[];
  /** Curves of single jobs, by index: of those that took longest. */
  readonly curves: Readonly<Record<string, JobCurve>>;
  /** What jobs that failed, and those that took longest, wrote at their end. */
  readonly logs: readonly ReportLog[];
}

export interface ReportRun {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly detail: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly wallMs: number;
  /** By status, those that no job has left out. */
  readonly counts: Readonly<Record<string, number>>;
  /** What it was started with and from: a name and a text each. */
  readonly facts: readonly (readonly [name: string, text: string])[];
  readonly parameters: readonly (readonly [name: string, value: string])[];
  readonly engineVersion: string;
  /** Epoch milliseconds. */
  readonly writtenAt: number;
}

/** Entry i of each column is job i. -1 stands for what is not known. */
export interface ReportJobs {
  readonly names: readonly string[];
  /** Texts that columns point into. */
  readonly tasks: readonly string[];
  readonly states: readonly string[];
  readonly places: readonly string[];
  readonly task: readonly number[];
  readonly state: readonly number[];
  readonly place: readonly number[];
  readonly start: readonly number[];
  readonly end: readonly number[];
  readonly attempts: readonly number[];
  readonly cpuSeconds: readonly number[];
  readonly rssKib: readonly number[];
  /** How those ended that did not end well, by index. */
  readonly ends: Readonly<Record<string, string>>;
}

/** A graph that has been laid out, from left to right. */
export interface ReportGraph {
  /** `tasks`: a box is a job; `definitions`: a box is all jobs of a kind. */
  readonly kind: 'tasks' | 'definitions';
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly ReportBox[];
  readonly edges: readonly ReportEdge[];
}

export interface ReportBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly label: string;
  /** How many jobs it stands for. */
  readonly count: number;
  /** The job, or of many the first. */
  readonly job: number;
  readonly task: number;
  /** The worst state among its jobs: `failed` before `running` before `pending` before `cancelled` before `done`. */
  readonly state: string;
}

export interface ReportEdge {
  readonly from: number;
  readonly to: number;
  /** Only the end is awaited, not the value. */
  readonly isOrder: boolean;
}

export interface ReportSeries {
  readonly start: number;
  readonly stepMs: number;
  /** Percent of a core: of all attempts, of the engine. */
  readonly cpu: readonly number[];
  readonly engineCpu: readonly number[];
  /** KiB. */
  readonly rss: readonly number[];
  readonly engineRss: readonly number[];
}

export interface JobCurve {
  readonly stepMs: number;
  readonly cpu: readonly number[];
  readonly rss: readonly number[];
}

export interface ReportLog {
  readonly job: number;
  readonly why: 'failed' | 'slow';
  readonly directory: string;
  readonly stderr: readonly string[];
  readonly stdout: readonly string[];
}
