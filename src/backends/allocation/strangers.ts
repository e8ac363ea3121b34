import { mkdirSync } from 'node:fs';
import type { AttemptId, BackendContext, RecoverAnswer, RecoverQuery } from '../../model/index.ts';
import { writeFence } from '../workdir/index.ts';
import type { AgentLink } from './agent-link.ts';
import type { Allocations } from './allocations.ts';
import { type AgentNote, collectEnd, type Ended, type Leaver, readNote, wasTaken } from './leavings.ts';
import type { Meetings } from './meetings.ts';

type Judged = Ended | { readonly kind: 'gone'; readonly why: string; readonly neverStarted: boolean };

/** How an attempt ended whose agent is no more: what it left tells, or it is fenced and gone. */
export async function judgeLeft(leaver: Leaver, why: string, context: BackendContext): Promise<Judged> {
  const places = { store: context.directory, project: context.project, nowMs: context.clock.now().wall };
  const ended = await collectEnd(leaver, places);
  if (ended !== undefined) return ended;
  // Also where nothing was made yet: an order may be on its way.
  mkdirSync(leaver.directory, { recursive: true });
  writeFence(leaver.directory);
  const late = await collectEnd(leaver, places);
  return late ?? { kind: 'gone', why, neverStarted: !wasTaken(leaver.directory) };
}

export interface StrangersOptions {
  readonly allocations: Allocations;
  readonly meetings: Meetings;
  readonly context: BackendContext;
  /** It runs there: its end will come from there. */
  readonly adopted: (query: RecoverQuery, link: AgentLink) => void;
}

/**
 * What became of attempts that this process knows nothing of. Who has one has left a note in its directory before anything else:
 * that agent is asked. An agent that does not answer may still have it, as long as its allocation has not ended.
 */
export async function traceStrangers(
  queries: readonly RecoverQuery[],
  options: StrangersOptions,
): Promise<ReadonlyMap<AttemptId, RecoverAnswer>> {
  const { allocations, meetings, adopted } = options;
  const answers = new Map<AttemptId, RecoverAnswer>();
  await allocations.adopt();
  const noted = queries.map((query) => ({ query, note: noteOf(query) }));
  await meetings.meet(new Set(noted.map(({ note }) => note?.agent ?? '')));
  for (const [link, group] of Map.groupBy(noted, ({ note }) => meetings.agent(note?.agent ?? ''))) {
    const found = await link?.recover(group.map(({ query }) => query));
    for (const { query, note } of group) {
      const answer = found?.get(query.attempt);
      if (answer?.kind === 'running' && link !== undefined) adopted(query, link);
      // One that answered, and not of this, has it no more.
      const mayLive = note !== undefined && link?.isMet !== true && allocations.isHeld(note.allocation);
      answers.set(query.attempt, answer ?? (await unanswered(query, mayLive, options)));
    }
  }
  return answers;
}

async function unanswered(
  query: RecoverQuery,
  mayLive: boolean,
  { allocations, meetings, context }: StrangersOptions,
): Promise<RecoverAnswer> {
  const { directory } = query;
  if (directory === '') return { kind: 'gone', why: 'it was never given to an agent', neverStarted: true };
  const leaver = { ...query, isCancelled: false };
  if (mayLive) {
    const places = { store: context.directory, project: context.project, nowMs: context.clock.now().wall };
    return (await collectEnd(leaver, places)) ?? { kind: 'unknown', why: 'its agent has not answered yet' };
  }
  const judged = await judgeLeft(leaver, 'its agent is gone', context);
  if (judged.kind === 'ended' || judged.neverStarted) return judged;
  // Taken after we had looked for its note: an agent has it, and will be asked.
  const note = readNote(directory);
  const isNew = note !== undefined && meetings.agent(note.agent) === undefined;
  if (isNew && allocations.isHeld(note.allocation)) return { kind: 'unknown', why: 'an agent has just taken it' };
  return judged;
}

function noteOf({ directory }: RecoverQuery): AgentNote | undefined {
  return directory === '' ? undefined : readNote(directory);
}
