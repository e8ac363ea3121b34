export { inlineBackend, type InlineOptions } from './inline-backend.ts';
