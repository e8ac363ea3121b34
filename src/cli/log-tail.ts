import { type FileHandle, open } from 'node:fs/promises';

const CHUNK = 64 * 1024;

/** Reads a file that grows, from where it stopped the last time. A file that is not there yet is empty. */
export class LogTail implements AsyncDisposable {
  readonly #path: string;
  #file: FileHandle | undefined;
  #position = 0;
  readonly #buffer: Buffer = Buffer.alloc(CHUNK);

  constructor(path: string) {
    this.#path = path;
  }

  /** Hands over what is new, in pieces that are valid until the next one. */
  async drain(take: (chunk: Buffer) => Promise<void>): Promise<void> {
    this.#file ??= await openIfThere(this.#path);
    if (this.#file === undefined) return;
    for (;;) {
      const { bytesRead } = await this.#file.read(this.#buffer, 0, CHUNK, this.#position);
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      await take(this.#buffer.subarray(0, bytesRead));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
