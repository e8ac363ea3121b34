import { yamlSchema } from '../../workflow/index.ts';
import type { Context } from '../main.ts';

/** Writes the JSON Schema of workflows in YAML. */
export async function schema({ output }: Context): Promise<number> {
  await output.data(JSON.stringify(await yamlSchema(), null, 2));
  return 0;
}
