export { guardedBackend } from './guarded-backend.ts';
export { redactorForReading } from './reading.ts';
export { redactJson } from './redact-outcome.ts';
export { Vault } from './vault.ts';
