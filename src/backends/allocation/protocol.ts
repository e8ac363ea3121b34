import type {
  AttemptId,
  AttemptOrder,
  BackendEvent,
  LaunchAnswer,
  RecoverAnswer,
  RecoverQuery,
} from '../../model/index.ts';

/** What an agent writes down in its allocation's directory: how it is reached, and what it has to give. */
export interface AgentCard {
  readonly format: 'heddle-agent/2';
  /** Of this agent alone, of all that ever were: no secret. */
  readonly id: string;
  /** Of its machine in the allocation: `n1`. */
  readonly node: string;
  readonly host: string;
  /** Where it listens; 0: nowhere, mail is the only way. */
  readonly port: number;
  /** Addresses of its machine, for where its name leads nowhere. */
  readonly addresses: readonly string[];
  /** Who has it may give orders. It never travels, and the card is for its user alone. */
  readonly token: string;
  readonly pid: number;
  readonly cpus: number;
  readonly memoryBytes?: number;
  readonly gpus?: readonly number[];
  /** Epoch milliseconds at which the allocation ends; absent: nobody said. */
  readonly endsAt?: number;
}

/** An order without what can't travel. */
export type WireOrder = Omit<AttemptOrder, 'redactor' | 'secretEnvironment'>;
export type WireQuery = Omit<RecoverQuery, 'redactor'>;

/** An attempt that an agent has, and what it holds there. */
export interface KnownAttempt {
  readonly attempt: AttemptId;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Its end has not been told. */
  readonly isLive: boolean;
}

export type ToAgent =
  | { readonly kind: 'launch'; readonly orders: readonly WireOrder[] }
  | { readonly kind: 'cancel'; readonly attempt: AttemptId; readonly graceMs: number }
  | { readonly kind: 'release'; readonly attempts: readonly AttemptId[] }
  /** What became of these? Of those it was never given it says nothing. */
  | { readonly kind: 'recover'; readonly id: number; readonly queries: readonly WireQuery[] }
  /** Nothing is on its way to it any more: it may go. */
  | { readonly kind: 'leave' };

export type FromAgent =
  /** Said first: whatever is not in it was never taken, and what another way still brings is not listened to. */
  | { readonly kind: 'hello'; readonly known: readonly KnownAttempt[] }
  | { readonly kind: 'answers'; readonly answers: readonly (readonly [AttemptId, LaunchAnswer])[] }
  | { readonly kind: 'event'; readonly event: BackendEvent }
  | {
      readonly kind: 'recovered';
      readonly id: number;
      readonly answers: readonly (readonly [AttemptId, RecoverAnswer])[];
    }
  /** It takes no more: it has nothing to do, its time is nearly over, or it was told to end. */
  | { readonly kind: 'closing'; readonly why: string };

/** Both ways of a conversation. */
export interface Channel<Out, In> {
  send(messages: readonly Out[]): void;
  /** Called once, before anything is lost. */
  listen(listener: { heard(messages: readonly In[]): void; closed(why: string): void }): void;
  /** Resolves when what was sent has left, or can't any more. */
  close(): Promise<void>;
}

/** Folders of an allocation's directory. */
export const CARDS = 'agents';
export const MAIL = 'mail';
/** In place of its card: an agent that has left, with nothing of it alive. */
export const LEFT = '.left';
