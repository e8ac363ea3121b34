import { HeddleError } from '../model/index.ts';

/** Splits `key=value` of a flag. @throws {HeddleError} PARAMETER_INVALID */
export function splitPair(pair: string, flag: string): readonly [key: string, value: string] {
  const at = pair.indexOf('=');
  const key = at < 0 ? pair : pair.slice(0, at);
  if (at < 0) {
    throw new HeddleError('PARAMETER_INVALID', `'${flag} ${pair}' has no value`, {
      hint: `write ${flag} ${pair}=VALUE`,
    });
  }
  if (!/^[A-Za-z_][\w.-]*$/.test(key) || key === '__proto__') {
    throw new HeddleError('PARAMETER_INVALID', `'${key}' is no name of a parameter`, {
      hint: 'a name begins with a letter and goes on with letters, digits, _, - and .',
    });
  }
  return [key, pair.slice(at + 1)];
}

/** Reads a number of a flag. @throws {HeddleError} INPUT_INVALID */
export function parseNumber(
  flag: string,
  limits: { readonly min: number; readonly integer?: boolean },
): (text: string) => number {
  const { min, integer = false } = limits;
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isFinite(value) && value >= min && (!integer || Number.isInteger(value))) return value;
    const wanted = integer ? 'a whole number' : 'a number';
    throw new HeddleError('INPUT_INVALID', `'${flag}' takes ${wanted}, ${min} or more: got '${text}'`);
  };
}
