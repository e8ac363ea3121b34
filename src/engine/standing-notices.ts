import type { EngineEvent, LoginNeed } from '../model/index.ts';
import type { Core } from './core.ts';

/** What people are told of a target that wants its user. */
export function needText(name: string, { why, mend }: LoginNeed): string {
  return `${name} needs login: ${why}; in a terminal: ${mend}`;
}

/** What whoever begins to listen must hear, though it was told before: what waits for a person. */
export function standingNotices(core: Core): readonly EngineEvent[] {
  const at = core.now.wall;
  return [...core.backends].flatMap(([name, { needs }]): readonly EngineEvent[] =>
    needs === undefined ? [] : [{ kind: 'notice', code: 'login', message: needText(name, needs), at }],
  );
}
