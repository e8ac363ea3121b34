import type { BackendCapabilities, HeddleError, LaunchAnswer } from '../../model/index.ts';

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

/** It has not started, and another try would not help. An error of ours is passed on with its code and what to do. */
export function never(why: string, because?: HeddleError): LaunchAnswer {
  if (because === undefined) return { kind: 'refused', retryable: false, why };
  const { name, message, code, hint } = because;
  return {
    kind: 'refused',
    retryable: false,
    why,
    error: { name, message, code, ...(hint === undefined ? {} : { hint }) },
  };
}
