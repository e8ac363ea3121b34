export { guardedBackend } from './guarded-backend.ts';
export { redactorForReading } from './reading.ts';
export { Vault } from './vault.ts';
