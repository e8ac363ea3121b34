import type { BackendCapabilities, LaunchAnswer } from '../../model/index.ts';

/** What running commands on this machine can do. */
export const CAPABILITIES: BackendCapabilities = {
  commands: true,
  calls: false,
  recoverable: true,
  batches: false,
  local: false,
  immediate: true,
  secrets: true,
};

/** It has not started, and another try would not help. */
export function never(why: string): LaunchAnswer {
  return { kind: 'refused', retryable: false, why };
}
