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
  readonly format: 'heddle-agent/1';
  /** Of its machine in the allocation: `n1`. */
  readonly node: string;
  readonly host: string;
  /** Where it listens; 0: nowhere, mail is the only way. */
  readonly port: number;
  /** Addresses of its machine, for where its name leads nowhere. */
  readonly addresses: readonly string[];
  /** Whoever says it may give orders. The card is for its user alone. */
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

export type ToAgent =
  | { readonly kind: 'launch'; readonly orders: readonly WireOrder[] }
  | { readonly kind: 'cancel'; readonly attempt: AttemptId; readonly graceMs: number }
  | { readonly kind: 'release'; readonly attempts: readonly AttemptId[] }
  /** What became of these? Of those it was never given it says nothing. */
  | { readonly kind: 'recover'; readonly id: number; readonly queries: readonly WireQuery[] }
  /** Nothing more is to be done: leave when what runs has ended. */
  | { readonly kind: 'leave' };

export type FromAgent =
  | { readonly kind: 'answers'; readonly answers: readonly (readonly [AttemptId, LaunchAnswer])[] }
  | { readonly kind: 'event'; readonly event: BackendEvent }
  | {
      readonly kind: 'recovered';
      readonly id: number;
      readonly answers: readonly (readonly [AttemptId, RecoverAnswer])[];
    }
  /** It takes no more: its time is nearly over, or it was told to end. */
  | { readonly kind: 'closing'; readonly why: string };

/** Both ways of a conversation. */
export interface Channel<Out, In> {
  send(messages: readonly Out[]): void;
  /** Called once, before anything is lost. */
  listen(listener: { heard(messages: readonly In[]): void; closed(why: string): void }): void;
  close(): void;
}

/** Folders of an allocation's directory. */
export const CARDS = 'agents';
export const MAIL = 'mail';
