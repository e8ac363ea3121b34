import { join } from 'node:path';
import {
  ACCEPT_ALL,
  DEFAULT_GRACE_MS,
  DEFAULT_REQUEST,
  DEFAULT_RETRY,
  type Definition,
  type Graph,
  GraphBuilder,
} from '../../../src/model/index.ts';

export type GraphName = 'ten' | 'crowd';

export const COMMAND: Definition = {
  name: 'append',
  kind: 'command',
  resources: DEFAULT_REQUEST,
  retry: DEFAULT_RETRY,
  timeouts: {},
  graceMs: DEFAULT_GRACE_MS,
  priority: 0,
};

/** Commands that write their names into HOME/ledger as they begin; texts follow by name. */
export function independent(name: string, texts: readonly string[], more: Partial<Definition> = {}): GraphBuilder {
  const builder = new GraphBuilder(name);
  for (const [n, text] of texts.entries())
    builder.add(`job-${n}`, { definition: { ...COMMAND, ...more }, payload: { script: [text] } });
  return builder;
}

export function graphOf(name: GraphName, home: string): Graph {
  const line = (job: string): string => `echo ${job} >> '${join(home, 'ledger')}'`;
  switch (name) {
    // Ten commands, and one that waits for the ends of all.
    case 'ten': {
      const names = Array.from({ length: 10 }, (_, n) => `job-${n}`);
      const builder = new GraphBuilder(name);
      const ten = names.map((job) => builder.add(job, { definition: COMMAND, payload: { script: [line(job)] } }));
      const edges = ten.map((from) => ({ from, accept: ACCEPT_ALL }));
      builder.add('last', { definition: COMMAND, payload: { script: [line('last')] }, edges });
      return builder.build();
    }
    // 500 that wait at a gate, without a process of their own that would have to look: the first hundred at another.
    case 'crowd': {
      const texts = Array.from({ length: CROWD }, (_, n) => {
        const gate = n < EARLY ? 'early' : 'late';
        return `${line(`job-${n}`)}; : <'${join(home, gate)}'`;
      });
      return independent(name, texts, { scheduling: { queue: 'wide' } }).build();
    }
  }
}

export const CROWD = 500;
export const EARLY = 100;
