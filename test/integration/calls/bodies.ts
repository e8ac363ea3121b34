import { attemptContext } from '../../../src/index.ts';

/** Works until it is asked to end, and tidies up then. */
export async function endless(): Promise<void> {
  const { signal } = attemptContext();
  const busy = setInterval(() => undefined, 1000);
  console.log('begun');
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve());
  });
  clearInterval(busy);
  console.log('cleaned up');
}

export function stubborn(code: number): never {
  process.exit(code);
}

export function odd(map: Map<string, Date>, list: readonly unknown[]): object {
  return { map, list, own: { $v8: 'mine' }, bytes: Uint8Array.of(1, 2), nothing: undefined };
}

export function wrong(): object {
  return { callback() {} };
}
