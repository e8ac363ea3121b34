import { extname } from 'node:path';
import type { Context } from '../main.ts';

type ServeFrames = (argv: readonly string[]) => void;

/** Becomes a lane; the lane itself ends this process. */
export async function lane(
  _: Context,
  __: readonly string[],
  flags: Readonly<Record<string, unknown>>,
): Promise<number> {
  const argv = ['in', 'out', 'watch'].flatMap((name) => {
    const value = flags[name];
    return typeof value === 'string' ? [`--${name}=${value}`] : [];
  });
  // An entry of its own, not by the room's face: a lane is on its feet sooner without its host's side.
  const entry = new URL(`../../lanes/framed-lane${extname(import.meta.url)}`, import.meta.url);
  const { serveFrames } = (await import(entry.href)) as { readonly serveFrames: ServeFrames };
  serveFrames(argv);
  return new Promise(() => undefined);
}
