import type { OwnerId } from '../model/index.ts';
import type { Statements } from './connection.ts';
import { isOwnerAlive, type KeptOwner, type OwnerJudge } from './ownership.ts';

/** An owner from a row of `owner, host, pid, socket, boot`. */
export function keptOwner(row: readonly unknown[]): KeptOwner {
  const [owner, host, pid, socket, boot] = row as [OwnerId, string, number, string, string];
  return { owner, host, pid, socket, boot };
}

/** An owner when it is known and lives. */
export function livingOwner(statements: Statements, judge: OwnerJudge, owner: OwnerId): KeptOwner | undefined {
  const row = statements.row('SELECT owner, host, pid, socket, boot FROM owners WHERE owner = ?', owner);
  if (row === undefined) return undefined;
  const kept = keptOwner(row);
  return isOwnerAlive(kept, judge) ? kept : undefined;
}
