export { type ExecutedTask, exportWfFormat, type WfFormatResults } from './wfformat/export.ts';
export { type ImportedTrace, importWfFormat, type TraceInfo, type WfFormatOptions } from './wfformat/import.ts';
