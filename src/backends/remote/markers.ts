import { hash } from 'node:crypto';
import type { SubmissionId } from '../../model/index.ts';

/** A letter, ten characters of the submission and up to four of the element: what every batch system takes as a name. */
const OF_SUBMISSION = 10;

/**
 * The name of the native job that carries these elements of a submission, of which `first` is the first. Elements belong to one
 * native job, so the name is unique; and it is made of what was journalled before anything was submitted.
 */
export function markerOf(submission: SubmissionId, first: number): string {
  const digits = BigInt(`0x${hash('sha256', submission, 'hex').slice(0, 16)}`).toString(36);
  return `h${digits.padStart(OF_SUBMISSION, '0').slice(-OF_SUBMISSION)}${first.toString(36)}`;
}
