import type { Clock } from '../../model/index.ts';
import { type Cut, cutAfter } from './cut.ts';
import { makeFrame } from './frame.ts';
import { DEFAULT_OUTPUT_BYTES, DEFAULT_TIMEOUT_MS } from './local-transport.ts';
import {
  connectShell,
  endStreams,
  makeStreams,
  runShell,
  type ShellEnd,
  type ShellProcess,
  type ShellStreams,
} from './shell-process.ts';
import { SshCommand, type SshOptions } from './ssh-command.ts';
import { type Diagnosis, diagnose, findDetour } from './ssh-diagnosis.ts';
import { type Slot, SshRoutes } from './ssh-routes.ts';
import type { Connection, RunAnswer, RunOptions, Transport } from './transport.ts';

/** So often something may get in the way of a script that has not begun. */
const MOST_TRIES = 4;
/** A session that is silent for so long has its master asked whether it lives. */
const SUSPICIOUS_MS = 5000;

/**
 * The way to a machine behind the user's own OpenSSH, with his configuration, agents and jump hosts. Nothing is asked of
 * anybody: what wants a person is answered with `login` and the command line that mends it.
 *
 * One connection is opened when it is first needed and carries all that follows; it is in a process group of its own and
 * ends with this process, however that ends. A connection the user has himself (`ControlPath` in his configuration) is
 * used in place of ours while it is there.
 */
export function sshTransport(options: SshOptions): Transport {
  return new SshTransport(options);
}

class SshTransport implements Transport {
  readonly name: string;
  readonly key: string;
  readonly sharesFiles: boolean;
  readonly #clock: Clock;
  readonly #command: SshCommand;
  readonly #routes: SshRoutes;
  readonly #live = new Set<ShellProcess>();
  /** Start-up files there take all the input they can get. */
  #isPatient = false;
  #isClosed = false;

  constructor(options: SshOptions) {
    this.name = `ssh ${options.host}`;
    this.sharesFiles = options.sharesFiles === true;
    this.key = JSON.stringify(['ssh', options.program ?? 'ssh', options.config ?? '', options.host]);
    this.#clock = options.clock;
    this.#command = new SshCommand(options);
    this.#routes = new SshRoutes(this.#command, options.clock);
  }

  async run(script: string, options: RunOptions = {}): Promise<RunAnswer> {
    options.signal?.throwIfAborted();
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
    const cut = cutAfter({ clock: this.#clock, timeoutMs, signal });
    try {
      for (let tries = 1; ; tries += 1) {
        const grant = await this.#routes.acquire('run', cut.whenCut);
        if (cut.aborted) {
          if (grant.kind === 'slot') grant.slot.release();
          throw signal?.reason;
        }
        if (grant.kind === 'login') return grant;
        if (grant.kind === 'unreachable') return { ...grant, why: cut.why ?? grant.why, began: false };
        const answer = await this.#runOn(grant.slot, script, { options, cut, isLast: tries >= MOST_TRIES });
        if (cut.aborted) throw signal?.reason;
        if (answer !== 'again') return answer;
      }
    } finally {
      cut.done();
    }
  }

  connect(script: string): Connection {
    const streams = makeStreams();
    let process: ShellProcess | undefined;
    let withdraw: (() => void) | undefined;
    let isClosed = false;
    const close = (): void => {
      isClosed = true;
      withdraw?.();
      process?.close();
    };
    const start = async (): Promise<{ readonly answer: RunAnswer; readonly stderr: string }> => {
      for (let tries = 1; ; tries += 1) {
        const grant = await this.#routes.acquire('connect', (callback) => {
          withdraw = callback;
        });
        withdraw = undefined;
        if (grant.kind === 'login') return { answer: grant, stderr: '' };
        if (grant.kind === 'unreachable') return { answer: { ...grant, began: false }, stderr: '' };
        const { slot } = grant;
        if (isClosed) {
          slot.release();
          return { answer: { kind: 'unreachable', why: 'it was closed', began: false }, stderr: '' };
        }
        ({ process } = this.#connectOn(slot, script, streams));
        const end = await process.ended;
        const answer = this.#retreat(slot, end, tries >= MOST_TRIES) ?? (await this.#explain(end, slot));
        if (answer !== 'again') return { answer, stderr: end.stderr };
      }
    };
    const ended = start().finally(() => endStreams(streams));
    return {
      input: streams.input,
      output: streams.output,
      ended,
      close,
      get pid() {
        return process?.pid;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const live = [...this.#live];
    for (const process of live) process.close();
    await Promise.all(live.map((process) => process.gone));
    await this.#routes.close();
  }

  async #runOn(
    slot: Slot,
    script: string,
    { options, cut, isLast }: { readonly options: RunOptions; readonly cut: Cut; readonly isLast: boolean },
  ): Promise<RunAnswer | 'again'> {
    const maxBytes = options.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES;
    const { process, output } = runShell(
      // Where each session is a login, only what was heard of a shell tells that it was let in.
      { ...this.#order(slot), frame: makeFrame(script), patient: this.#isPatient || slot.isDirect },
      { input: options.input ?? '', maxBytes, onFull: () => cut.now(`it said more than ${maxBytes} bytes`) },
    );
    this.#keep(process, slot);
    cut.whenCut(() => process.close());
    const end = await process.ended;
    cut.whenCut(undefined);
    if (cut.why !== undefined) return { kind: 'unreachable', why: cut.why, began: !end.unsent };
    if (end.code !== undefined) return { kind: 'ended', code: end.code, stdout: output(), stderr: end.stderr };
    return this.#retreat(slot, end, isLast) ?? (await this.#explain(end, slot));
  }

  #connectOn(slot: Slot, script: string, streams: ShellStreams): { readonly process: ShellProcess } {
    const order = { ...this.#order(slot), frame: makeFrame(script, true), patient: true };
    const { process } = connectShell(order, streams);
    this.#keep(process, slot);
    return { process };
  }

  #order(slot: Slot): { readonly argv: readonly string[]; readonly clock: Clock; readonly ownsGroup: true } {
    return { argv: slot.argv, clock: this.#clock, ownsGroup: true };
  }

  #keep(process: ShellProcess, slot: Slot): void {
    if (this.#isClosed) process.close();
    this.#live.add(process);
    const suspicious = Math.min(SUSPICIOUS_MS, this.#command.connectTimeoutMs);
    const timer = this.#clock.after(suspicious, () => {
      if (!process.begun) void slot.suspect();
    });
    process.whenBegun(() => timer.cancel());
    void process.gone.then(() => {
      timer.cancel();
      this.#live.delete(process);
      slot.release();
    });
  }

  /** What did not begin for a reason that is not the host's is tried another way. */
  #retreat(slot: Slot, end: ShellEnd, isLast: boolean): 'again' | undefined {
    const detour = findDetour(end);
    if (detour === 'no-master') slot.lost();
    if (detour === 'refused') slot.refused();
    if (end.eaten && !this.#isPatient) this.#isPatient = true;
    else if (detour === undefined) return undefined;
    // Each refusal leaves fewer sessions to be asked for, and in the end connections of their own: that ends by itself.
    return (isLast && detour !== 'refused') || this.#isClosed ? undefined : 'again';
  }

  async #explain(end: ShellEnd, slot: Slot): Promise<RunAnswer> {
    if (end.code !== undefined) {
      return { kind: 'ended', code: end.code, stdout: new Uint8Array(0), stderr: end.stderr };
    }
    const began = !end.unsent && !end.eaten && findDetour(end) === undefined;
    if (this.#isClosed) return { kind: 'unreachable', why: 'the transport was closed', began };
    const own = diagnose(end, await this.#command.byHand());
    // A session says that its connection is closed; its master says why.
    const diagnosis: Diagnosis = (own.kind === 'login' ? undefined : await slot.whyEnded()) ?? own;
    return diagnosis.kind === 'login' && !began ? diagnosis : unreachable(diagnosis, began);
  }
}

function unreachable(diagnosis: Diagnosis, began: boolean): RunAnswer {
  return { kind: 'unreachable', why: diagnosis.kind === 'login' ? diagnosis.need.why : diagnosis.why, began };
}
