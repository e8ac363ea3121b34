import { type FinalStatus, isFinal } from '../model/index.ts';
import {
  AfterAnother,
  AfterOthers,
  AllSatisfied,
  type AnyCondition,
  AnySatisfied,
  BeforeTimepoint,
} from './conditions.ts';
import type { JobState } from './job-state.ts';

type Known = (id: string) => Pick<JobState, 'status'> | undefined;

/** Why a condition can never hold, for the person who wrote it; undefined where there is nothing to blame. */
export function whyNever(condition: AnyCondition, known: Known): string | undefined {
  if (condition instanceof AfterAnother) return missed([condition.jobId], condition.statuses, known);
  if (condition instanceof AfterOthers) return missed(condition.jobIds, condition.statuses, known);
  if (condition instanceof BeforeTimepoint) return `it had to start before ${condition.timepoint.toISOString()}`;
  if (condition instanceof AllSatisfied || condition instanceof AnySatisfied) {
    const parts = condition.conditions.map((part) => whyNever(part, known)).filter((part) => part !== undefined);
    return parts.length === 0 ? undefined : [...new Set(parts)].join('; ');
  }
  return undefined;
}

/** What is wrong with the ends that are waited for. */
function missed(ids: readonly string[], statuses: readonly FinalStatus[], known: Known): string | undefined {
  for (const id of ids) {
    const status = known(id)?.status;
    if (status === undefined) return `it waits for job '${id}', which nobody submitted`;
    if (!isFinal(status)) return `it waits for job '${id}', which waits for it`;
    if (!statuses.includes(status))
      return `it waits for job '${id}' to be ${statuses.join(' or ')}, and it is ${status}`;
  }
  return undefined;
}
