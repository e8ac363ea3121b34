/**
 * Takes out of a text what nobody outside may read. Everything that leaves through a report, an export or a notification
 * passes through one.
 */
export type Redact = (text: string) => string;

/** Leaves text as it is: where there are no secrets. */
export const asItIs: Redact = (text) => text;
