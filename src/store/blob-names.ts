import { join } from 'node:path';
import type { OwnerId } from '../model/index.ts';

/** Directories below `blobs/` hold the files whose hash begins so. */
const BUCKET = /^[0-9a-f]{2}$/;
const BLOB = /^[0-9a-f]{64}$/;

/** Where a blob lies in a store's directory. */
export function blobPath(directory: string, sha256: string): string {
  return join(directory, 'blobs', sha256.slice(0, 2), sha256);
}

export function isBucketName(name: string): boolean {
  return BUCKET.test(name);
}

/** Says whether a file's name is that of a blob. */
export function isBlobName(name: string): boolean {
  return BLOB.test(name);
}

/** The name of a blob while it is being written, directly in `blobs/`. */
export function draftName(owner: OwnerId, number: number): string {
  return `${owner}.${number}`;
}

/** The owner who writes a draft. */
export function drafter(name: string): OwnerId {
  return name.slice(0, name.lastIndexOf('.')) as OwnerId;
}

/** Where a blob or a draft lies in a store's directory. */
export function namedPath(directory: string, name: string): string {
  return isBlobName(name) ? blobPath(directory, name) : join(directory, 'blobs', name);
}
