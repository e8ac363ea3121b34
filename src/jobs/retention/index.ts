export { clean, type CleanOptions, type CleanReport } from './clean.ts';
export { retain, type Retention } from './daily.ts';
export { ReadLease } from './read-lease.ts';
export { DEFAULT_RULES, type KeepRules } from './rules.ts';
export { CLEANED_FILE } from './scratch.ts';
