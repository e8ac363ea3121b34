export { ExecutionMonitor, type MonitorOptions, type MonitorReport } from './execution-monitor.ts';
export type { MeasuredUsage } from './meter.ts';
export type { SeriesData } from './series.ts';
export { type AttemptUsage, readUsage, type RunUsage, type UsageLine, usageOf } from './usage-log.ts';
export type { NotifyEvent, NotifyMessage } from './notify/message.ts';
export { notify, type NotifyOptions } from './notify/notifier.ts';
export type { SendLimits } from './notify/sender.ts';
export type { Redact } from './redact.ts';
export { exportCsv } from './exports/csv.ts';
export type { CrateContent, CrateFile } from './exports/crate-files.ts';
export { crateMetadata } from './exports/crate-metadata.ts';
export { type Crate, type CrateOptions, GRAPH_FILE, runCrate } from './exports/rocrate.ts';
export {
  type JobRecord,
  jobRecords,
  type JobUsage,
  joinUsage,
  readMeasures,
  type RunMeasures,
  type RunSource,
} from './record.ts';
export { gatherReport, type ReportOptions } from './report/gather.ts';
export { renderReport } from './report/render.ts';
export type { ReportData } from './report/report-data.ts';
