import { HeddleError } from './errors.ts';

/** Which limit, and what met it. */
export interface ResourceLimit {
  readonly task: string;
  /** `cpus`, `memory`, ... */
  readonly resource: string;
  /** What was asked for, or used; bytes for memory. */
  readonly wanted?: number;
  /** What there is, or is allowed; bytes for memory. */
  readonly limit?: number;
}

/** A task asks for more than one may have, told before anything starts; or it took more than it asked for, and was ended. */
export class ResourceLimitError extends HeddleError<ResourceLimit> {
  override readonly name: string = 'ResourceLimitError';

  constructor(
    message: string,
    limit: ResourceLimit,
    { cause, hint }: { readonly cause?: unknown; readonly hint?: string } = {},
  ) {
    super('RESOURCE_LIMIT', message, {
      details: limit,
      ...(hint === undefined ? {} : { hint }),
      ...(cause === undefined ? {} : { cause }),
    });
  }

  get taskName(): string {
    return this.details?.task ?? '';
  }
}
