import { type Definition, isSecretData } from '../model/index.ts';
import type { Shape } from './shape.ts';

/** Reads a definition that came as JSON. @throws {HeddleError} INPUT_INVALID with the path of what is wrong */
export function readDefinition(definition: Shape): Definition {
  definition.get('name').text();
  definition.get('kind').oneOf(['command', 'call', 'control']);
  definition.get('resources').get('cpus').number(0);
  const retry = definition.get('retry');
  for (const field of ['maxAttempts', 'maxLosses']) retry.get(field).whole(0);
  for (const field of ['initialDelayMs', 'backoffFactor', 'maxDelayMs', 'jitter']) retry.get(field).number(0);
  const timeouts = definition.get('timeouts');
  for (const field of timeouts.keys()) timeouts.get(field).number(0);
  definition.get('graceMs').number(0);
  definition.get('priority').number();
  for (const flag of ['cache', 'temporary'])
    if (definition.has(flag) && typeof definition.get(flag).json() !== 'boolean')
      throw definition.get(flag).wrong('is true or false');
  if (definition.has('environment')) {
    const environment = definition.get('environment');
    for (const name of environment.keys()) readVariable(environment.get(name));
  }
  return definition.json() as unknown as Definition;
}

/** A variable is text, or a secret by reference. */
export function readVariable(variable: Shape): void {
  if (!isSecretData(variable.json())) variable.text();
}
