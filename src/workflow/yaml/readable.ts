/** Says whether a text refers to something: what it comes to is looked at when that is known. */
export function isReference(value: unknown): boolean {
  return typeof value === 'string' && value.includes('$');
}

/** Says whether a parser takes a value. A text with a reference is looked at again when it is known. */
export function reads(parse: (value: never) => unknown): (value: unknown) => boolean {
  return (value) => {
    if (isReference(value)) return true;
    try {
      parse(value as never);
      return true;
    } catch {
      return false;
    }
  };
}
