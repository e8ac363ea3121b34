import { DEFAULT_GRACE_MS, DEFAULT_RETRY, type Definition } from '../model/index.ts';
import type { JobPlan, RunPlan, Scenario } from './scenario.ts';

/** A run with one job a site that asks for its first place whole, and for every token. */
export function probeOf(scenario: Scenario): RunPlan {
  const jobs = scenario.sites.map((site, i): JobPlan => {
    const place = site.places[0];
    const definition: Definition = {
      name: `probe ${site.name}`,
      kind: 'call',
      backend: site.name,
      resources: {
        cpus: place?.cpus ?? 1,
        ...(place?.memoryBytes === undefined ? {} : { memoryBytes: place.memoryBytes }),
        gpus: place?.gpus?.length ?? 0,
        tokens: scenario.tokens,
      },
      retry: DEFAULT_RETRY,
      timeouts: {},
      graceMs: DEFAULT_GRACE_MS,
      priority: 0,
    };
    return {
      name: `j${i}`,
      definition,
      data: [],
      order: [],
      expectedMs: 0,
      failures: 0,
      failure: { kind: 'exit', code: 1 },
      durationMs: 1,
      obeysTerm: true,
      poisonous: false,
    };
  });
  return { name: 'probe', jobs, segments: [], onFailure: 'continue' };
}
