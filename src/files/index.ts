export { type FileIdentity, FileHasher } from './hash.ts';
export { type LinkedFile, linkFiles } from './link.ts';
export { type Publication, publishFile } from './publish.ts';
export { isInside, safeRelativePath } from './safe-path.ts';
