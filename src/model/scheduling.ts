import { HeddleError } from './errors.ts';
import { nearestName } from './graph-names.ts';

/** What a batch system is told of a task beside its resources. What a target's settings say holds where this is silent. */
export interface SchedulingOptions {
  /** Queue or partition. */
  readonly queue?: string;
  /** Who pays: account or project. */
  readonly account?: string;
  /** Quality of service, where the system has one. */
  readonly qos?: string;
  /** Options of the system's own, as they stand in a directive: `--constraint=gpu80`. */
  readonly options?: readonly string[];
}

const FIELDS = ['queue', 'account', 'qos', 'options'];

/** @throws {HeddleError} INPUT_INVALID naming the field and the mend */
export function schedulingOptions(input: SchedulingOptions, whose: string): SchedulingOptions {
  const refuse = (what: string, hint: string): HeddleError =>
    new HeddleError('INPUT_INVALID', `${whose}: ${what}`, { hint });
  for (const [field, value] of Object.entries(input)) {
    if (!FIELDS.includes(field)) {
      const near = nearestName(field, FIELDS);
      throw refuse(
        `there is no field '${field}'`,
        near === undefined ? `there is ${FIELDS.join(', ')}` : `did you mean '${near}'?`,
      );
    }
    const texts: readonly unknown[] = field === 'options' ? (value as readonly unknown[]) : [value];
    // A line end in a directive would begin another one.
    if (
      Array.isArray(texts) &&
      texts.every((text) => typeof text === 'string' && text !== '' && !/[\r\n\0]/.test(text))
    )
      continue;
    throw refuse(
      `${field} can't be ${JSON.stringify(value)}`,
      field === 'options' ? "give a list of texts: ['--constraint=gpu80']" : 'give one line of text',
    );
  }
  return input;
}
