import { printable } from './output.ts';

/** One thing to be known: what, and its text; without a text it is left out. */
export type Fact = readonly [name: string, text: string | undefined];

/** Facts one below the other, their texts aligned. */
export function factsText(facts: readonly Fact[]): string {
  const known = facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined && fact[1] !== '');
  const width = known.reduce((most, [name]) => Math.max(most, name.length), 0);
  return known.map(([name, text]) => `${name.padEnd(width)}  ${printable(text)}`).join('\n');
}
