export { ExecutionMonitor, type MonitorOptions, type MonitorReport } from './execution-monitor.ts';
export type { MeasuredUsage } from './meter.ts';
export type { SeriesData } from './series.ts';
export { type AttemptUsage, readUsage, type RunUsage, type UsageLine, usageOf } from './usage-log.ts';
