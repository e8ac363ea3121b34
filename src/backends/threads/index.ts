export { threadsBackend, type ThreadsOptions } from './threads-backend.ts';
