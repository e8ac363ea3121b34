export { customBackend, type CustomBackendOptions, type CustomTask } from './custom-backend.ts';
