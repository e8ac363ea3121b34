export { canonicalJson } from '../model/index.ts';
