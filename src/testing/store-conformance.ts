import type { Store } from '../model/index.ts';
import { attemptCases } from './store-cases-attempts.ts';
import { experimentCases } from './store-cases-experiments.ts';
import { fingerprintCases } from './store-cases-fingerprints.ts';
import { journalCases } from './store-cases-journal.ts';
import { ownershipCases } from './store-cases-ownership.ts';
import { rowCases } from './store-cases-rows.ts';
import { runCases } from './store-cases-runs.ts';

/** A store under test. Disposing it disposes every opening and what lies below. */
export interface StoreFixture extends AsyncDisposable {
  readonly store: Store;
  /** Opens the same data a second time, beside the first, as another owner. */
  readonly another?: () => Promise<Store>;
  /** Ends the present opening without a word to its runs, and opens the same data again. */
  readonly reopen?: () => Promise<Store>;
}

/** What a store must have for a case to say anything of it. */
export type StoreTrait = 'jobs' | 'another' | 'reopen' | 'fingerprints';

/** One thing every store does. Rejects when this one does not. */
export interface StoreCase {
  readonly name: string;
  readonly needs: readonly StoreTrait[];
  run(open: () => Promise<StoreFixture>): Promise<void>;
}

/** What the contract `Store` promises, case by case. Run by any test runner; only node:assert is used. */
export const storeCases: readonly StoreCase[] = [
  ...runCases,
  ...rowCases,
  ...attemptCases,
  ...journalCases,
  ...ownershipCases,
  ...experimentCases,
  ...fingerprintCases,
];

/** The cases that apply to a store with these traits. */
export function storeCasesFor(traits: readonly StoreTrait[]): readonly StoreCase[] {
  return storeCases.filter((storeCase) => storeCase.needs.every((need) => traits.includes(need)));
}
