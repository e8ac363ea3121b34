export { processesBackend, type ProcessesOptions } from './processes-backend.ts';
