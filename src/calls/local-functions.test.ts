import { expect, test, vi } from 'vitest';

test('what one program held is not found in another that has its pid, as every program of a container has', async () => {
  const before = await import('./local-functions.ts');
  const submitted = before.holdLocal(Math.max) as { readonly id: string };
  vi.resetModules();
  const after = await import('./local-functions.ts');

  const own = after.holdLocal(Math.min) as { readonly id: string };

  expect(after).not.toBe(before);
  expect(after.heldLocal(own.id)).toBe(Math.min);
  expect(after.heldLocal(submitted.id)).toBeUndefined();
});
