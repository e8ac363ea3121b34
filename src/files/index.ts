export { FileReference, type TextMode } from './file-reference.ts';
export { type AddFileOptions, FileStore, type FileStoreOptions } from './file-store.ts';
export { type FileIdentity, FileHasher } from './hash.ts';
export { type LinkedFile, linkFiles } from './link.ts';
export { claimPublished, type Publisher } from './publish-claims.ts';
export { type Publication, publishFile } from './publish.ts';
export { isInside, safeRelativePath } from './safe-path.ts';
