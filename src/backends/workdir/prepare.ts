import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { linkFiles } from '../../files/index.ts';
import type { AttemptOrder } from '../../model/index.ts';
import { COMMAND_FILE, type ProgramFinder } from '../../process/index.ts';
import { type CommandFile, type CommandWork, commandFile } from './command-file.ts';
import { makeStreamsPrivate, SecretFiles } from './secret-file.ts';

/** Where a backend's work directories are, and what they belong to. */
export interface WorkPlaces {
  /** The store's directory, absolute; relative places of inputs start here. Empty when there is none. */
  readonly store: string;
  /** The project's directory, absolute. */
  readonly project: string;
  /** Finds programs on the jobs' PATH; absent where that PATH is another machine's. */
  readonly programs?: ProgramFinder;
  /** What runtimes of containers are told by way of the environment; absent where another machine's login says it. */
  readonly runtimes?: Readonly<Record<string, string>>;
}

/** Makes work directories. Remembers which parents it made: a run's thousands of attempts share a few. */
export class WorkDirectories {
  readonly #places: WorkPlaces;
  readonly #secrets = new SecretFiles();
  #parent = '';

  constructor(places: WorkPlaces) {
    this.#places = places;
  }

  /**
   * Makes the directory of an attempt: the command as a script, inputs linked at `inputs/<name>`. With an `entrance` what runs
   * there first enters that cgroup.
   *
   * @throws {HeddleError} INPUT_INVALID, FILE_NOT_FOUND, TEMPLATE_INVALID: this work can never start here.
   * Errors of the file system are thrown as they are.
   */
  prepare(order: AttemptOrder, work: CommandWork, entrance?: string): CommandFile {
    const { directory, attempt, secretEnvironment } = order;
    const secretFile = secretEnvironment === undefined ? '' : this.#secrets.write(attempt, secretEnvironment);
    const command = commandFile(order, work, { ...this.#places, secretFile, entrance });
    this.#make(directory);
    linkFiles(
      join(directory, 'inputs'),
      work.inputs.map(({ name, at }) => ({ name, at: isAbsolute(at) ? at : join(this.#places.store, at) })),
    );
    writeFileSync(join(directory, COMMAND_FILE), command.text);
    if (secretFile !== '') makeStreamsPrivate(directory);
    return command;
  }

  /** The attempt has ended: secrets that it has not read are not to be read any more. */
  dropSecrets(attempt: string): void {
    this.#secrets.drop(attempt);
  }

  /** Removes secrets that nobody has read; those of attempts that go on (`isWanted`) stay. */
  close(isWanted: boolean): void {
    this.#secrets.close(isWanted);
  }

  #make(directory: string): void {
    const parent = dirname(directory);
    if (parent !== this.#parent) {
      mkdirSync(parent, { recursive: true });
      this.#parent = parent;
    }
    try {
      mkdirSync(directory);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      // The parent was removed since, by a deletion of an older run: make it again. An own directory that is there
      // already was made by a launch whose answer was lost.
      if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
      mkdirSync(directory, { recursive: true });
    }
  }
}
