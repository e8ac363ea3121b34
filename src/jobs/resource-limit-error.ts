export { type ResourceLimit, ResourceLimitError } from '../model/index.ts';
