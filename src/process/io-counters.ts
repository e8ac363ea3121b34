import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { withSpareDescriptor } from './spare-descriptor.ts';

/** What a process has read and written, with the children it has waited for (`/proc/PID/io`). */
export interface IoCounters {
  /** From and to storage, in bytes. */
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Calls to read and to write, whatever they read and wrote. */
  readonly operations: number;
}

const BUFFER = Buffer.alloc(512);
const FIELDS = /^syscr: (\d+)\nsyscw: (\d+)\nread_bytes: (\d+)\nwrite_bytes: (\d+)$/m;

/** Reads what a process has read and written; undefined when it is gone, is another user's, or the kernel does not count. */
export function readIo(pid: number): IoCounters | undefined {
  try {
    const match = FIELDS.exec(withSpareDescriptor(() => readSmall(`/proc/${pid}/io`)));
    if (match === null) return undefined;
    const [, reads, writes, read, written] = match;
    return { readBytes: Number(read), writtenBytes: Number(written), operations: Number(reads) + Number(writes) };
  } catch {
    return undefined;
  }
}

function readSmall(path: string): string {
  const fd = openSync(path, 'r');
  try {
    return BUFFER.toString('latin1', 0, readSync(fd, BUFFER, 0, BUFFER.length, null));
  } finally {
    closeSync(fd);
  }
}

/** The value a variable had in the environment a process was started with; undefined when it had none or we may not look. */
export function readVariable(pid: number, name: string): string | undefined {
  try {
    const environment = `\0${withSpareDescriptor(() => readFileSync(`/proc/${pid}/environ`, 'latin1'))}`;
    const at = environment.indexOf(`\0${name}=`);
    if (at < 0) return undefined;
    const from = at + name.length + 2;
    const end = environment.indexOf('\0', from);
    return environment.slice(from, end < 0 ? undefined : end);
  } catch {
    return undefined;
  }
}
