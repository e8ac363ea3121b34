import type { DatabaseSync } from 'node:sqlite';
import type { Clock, Random } from '../model/index.ts';
import { connectReader } from './connection.ts';
import { FingerprintReader, type FingerprintWriter } from './fingerprint-tables.ts';
import type { MovingPort } from './moving-port.ts';
import type { ReaderMethod, WriterAnswer, WriterMethod } from './port.ts';
import { retryBusy, turn } from './port.ts';
import { SqliteReader } from './sqlite-reader.ts';
import type { SqliteWriter, WriterOptions } from './sqlite-writer.ts';

interface Reading {
  readonly db: DatabaseSync;
  readonly reader: SqliteReader;
  readonly fingerprints: FingerprintReader;
}

export interface AccessParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly writer: WriterOptions;
}

/**
 * The ways to the database: what is written goes through the port, one after another; what is read goes by a
 * connection of its own, or in exclusive mode, where there is none, through the port too.
 */
export class StoreAccess {
  readonly #parts: AccessParts;
  readonly #port: MovingPort;
  readonly #reading: Reading | undefined;

  constructor(parts: AccessParts, port: MovingPort) {
    const { connection, judge } = parts.writer;
    this.#parts = parts;
    this.#port = port;
    if (connection.exclusive) return;
    const db = connectReader(connection.path);
    this.#reading = { db, reader: new SqliteReader(db, judge), fingerprints: new FingerprintReader(db) };
  }

  /** Where commits are made. */
  get place(): 'main' | 'thread' {
    return this.#port.place;
  }

  /** There will be much to write; resolves when that holds no loop. */
  expectMuch(): Promise<void> {
    return this.#port.expectMuch();
  }

  write<Method extends WriterMethod>(
    method: Method,
    ...args: Parameters<SqliteWriter[Method]>
  ): Promise<WriterAnswer<Method>> {
    return this.#port.carry({ target: 'writer', method, args }) as Promise<WriterAnswer<Method>>;
  }

  async read<Method extends ReaderMethod>(
    method: Method,
    ...args: Parameters<SqliteReader[Method]>
  ): Promise<ReturnType<SqliteReader[Method]>> {
    if (this.#reading === undefined) {
      return (await this.#port.carry({ target: 'reader', method, args })) as ReturnType<SqliteReader[Method]>;
    }
    const { reader } = this.#reading;
    const work = reader[method] as (...args: readonly unknown[]) => ReturnType<SqliteReader[Method]>;
    return retryBusy(() => Reflect.apply(work, reader, args), this.#parts, this.#parts.writer.busyMs);
  }

  async writeFingerprints<Method extends keyof FingerprintWriter>(
    method: Method,
    ...args: Parameters<FingerprintWriter[Method]>
  ): Promise<void> {
    await this.#port.carry({ target: 'fingerprints', method, args });
  }

  async readFingerprints<Method extends keyof FingerprintReader>(
    method: Method,
    ...args: Parameters<FingerprintReader[Method]>
  ): Promise<ReturnType<FingerprintReader[Method]>> {
    if (this.#reading === undefined) {
      const answer = await this.#port.carry({ target: 'fingerprint-reader', method, args });
      return answer as ReturnType<FingerprintReader[Method]>;
    }
    const { fingerprints } = this.#reading;
    const work = fingerprints[method] as (...args: readonly unknown[]) => ReturnType<FingerprintReader[Method]>;
    return retryBusy(() => Reflect.apply(work, fingerprints, args), this.#parts, this.#parts.writer.busyMs);
  }

  /** Lets the loop turn between two pieces of long work. */
  turn(): Promise<void> {
    return turn(this.#parts.clock);
  }

  /** Ends what was asked before, then closes the connections. */
  async close(): Promise<void> {
    await this.#port.close();
    this.#reading?.db.close();
  }
}
