import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type { FileValue } from '../model/index.ts';

/** What counts of a file: every byte, or its text without the style of its line ends. */
export type TextMode = 'binary' | 'text';

interface FileFacts extends FileValue {
  readonly mode: TextMode;
  readonly path: string;
}

/** A file of a file store: what it holds never changes. As data it is its hash, size and name. */
export class FileReference implements FileValue {
  /** Of its content: equal files have equal ones. Of a text, with `\n` for every line end. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** What it was called when it was first added. */
  readonly name: string;
  readonly mode: TextMode;
  /** Where it lies, absolute. Read it, do not write it. */
  readonly path: string;

  /** @internal */
  constructor({ sha256, size, name, mode, path }: FileFacts) {
    this.sha256 = sha256;
    this.size = size;
    this.name = name;
    this.mode = mode;
    this.path = path;
  }

  /** Whether it can be read here by its path. */
  get isLocal(): boolean {
    return true;
  }

  /** `file:///...` */
  get uri(): string {
    return pathToFileURL(this.path).href;
  }

  /** The reference by which it can be read here: itself, since what is in a store lies here. */
  async localize(): Promise<FileReference> {
    return this;
  }

  /** All of it, as text. */
  text(): Promise<string> {
    return readFile(this.path, 'utf8');
  }

  toJSON(): FileValue {
    const { sha256, size, name } = this;
    return { sha256, size, name };
  }
}
