/** Bodies that lanes are tested with: the well-behaved and the worst. */
import { execSync, spawn } from 'node:child_process';
import { appendFileSync, existsSync } from 'node:fs';

export const add = (a: number, b: number): number => a + b;

export const nothing = (): void => undefined;

export const busy = (ms: number): void => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

export const pause = async (ms: number): Promise<number> => {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
  return ms;
};

/** Leaves a line in a ledger when it begins. */
export const enter = (ledger: string, name: string): string => {
  appendFileSync(ledger, `${name}\n`);
  return name;
};

/** Begins, and never lets go of its thread. */
export const spin = (ledger: string): void => {
  appendFileSync(ledger, 'spin\n');
  for (;;);
};

/** Computes until a file is there: long or short as the test wants it. */
export const spinUntil = (file: string): void => {
  while (!existsSync(file));
};

export const say = (text: string): void => {
  console.log(text);
  console.error(`${text}!`);
  process.stdout.write('tail');
};

/** Says the numbers from 0 on both streams in turn. */
export const count = (to: number): void => {
  for (let i = 0; i < to; i += 1) (i % 2 === 0 ? process.stdout : process.stderr).write(`${i}\n`);
};

export const fail = (): never => {
  throw Object.assign(new RangeError('out of range', { cause: new Error('deeper') }), { code: 'E_RANGE' });
};

export const leave = (code: number): never => process.exit(code);

export const sayAndLeave = (code: number): never => {
  process.stdout.write('said before');
  return process.exit(code);
};

/** Says much in one breath, and is gone before the loop has turned. */
export const floodAndLeave = (bytes: number, how: 'exit' | 'abort'): never => {
  const line = `${'x'.repeat(999)}\n`;
  for (let said = 0; said < bytes; said += line.length) process.stdout.write(line);
  return how === 'exit' ? process.exit(3) : process.abort();
};

/** Throws where no call can catch it. */
export const throwLater = async (): Promise<void> => {
  setTimeout(() => {
    throw new Error('nobody catches this');
  }, 1);
  await pause(60_000);
};

export const hoard = (): number => {
  const kept: number[][] = [];
  for (;;) kept.push(Array.from({ length: 100_000 }, () => kept.length));
};

export const abort = (): never => process.abort();

export const killSelf = (signal: NodeJS.Signals): void => {
  process.kill(process.pid, signal);
  for (;;);
};

export const pid = (): number => process.pid;

/** Starts a child of its own that would live for a minute, and waits for it in a way nobody can interrupt. */
export const waitForChild = (): void => {
  execSync('sleep 61');
};

export const leaveChild = (): number => {
  const child = spawn('sleep', ['62'], { stdio: 'ignore' });
  return child.pid ?? 0;
};

export const shout = (): void => {
  execSync('echo from below', { stdio: 'inherit' });
};

export const seen = (name: string): string | undefined => process.env[name];

export function* numbers(to: number): Generator<number, string, number | undefined> {
  let sum = 0;
  for (let i = 0; i < to; i += 1) sum += (yield i) ?? 0;
  return `sum ${sum}`;
}

export const cyclic = (): unknown => {
  const value: Record<string, unknown> = { name: 'me' };
  value['self'] = value;
  return value;
};

export const unserialisable = (): unknown => ({ deep: [{ fn: () => 1 }] });

export const large = (bytes: number): string => 'x'.repeat(bytes);

export const memoryLimit = async (): Promise<number> => {
  const { getHeapStatistics } = await import('node:v8');
  return getHeapStatistics().heap_size_limit;
};

/** Holds so much outside of the heap of JavaScript, for so long. */
export const buffers = (mib: number, ms: number): number => {
  const kept = Array.from({ length: mib / 8 }, () => Buffer.alloc(8 * 1024 * 1024, 1));
  for (const until = Date.now() + ms; Date.now() < until; )
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  return kept.length;
};

/** The same, and meanwhile others have their turn. */
export const buffersAside = async (mib: number, ms: number): Promise<number> => {
  const kept = Array.from({ length: mib / 8 }, () => Buffer.alloc(8 * 1024 * 1024, 1));
  await pause(ms);
  return kept.length;
};

/** Has a program hold so much, for so long. */
export const childWithBuffers = (mib: number, ms: number): void => {
  execSync(
    `"${process.execPath}" -e "const kept = Buffer.alloc(${mib * 1024 * 1024}, 1); setTimeout(() => kept, ${ms})"`,
  );
};

/** Holds so much in the heap, and makes garbage in it and beside it, for so long. */
export const churn = (mib: number, ms: number): number => {
  const kept = Array.from({ length: mib }, () => Array.from({ length: 131_072 }, (_, i) => i + 0.5));
  const ring: unknown[] = [];
  for (let n = 0, until = Date.now() + ms; Date.now() < until; n += 1) {
    ring[n % 20] = [Buffer.alloc(1024 * 1024, 1), Array.from({ length: 5000 }, (_, i) => ({ i }))];
  }
  return kept.length;
};
