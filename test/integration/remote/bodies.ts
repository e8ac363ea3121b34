import { type CallTask, secret, task } from '../../../src/index.ts';

export const double: CallTask<[x: number], number> = task('double', (x) => x * 2);

export const broken: CallTask<[x: number], number> = task('broken', (x) => {
  throw new RangeError(`not ${x}`, { cause: new Error('deep down') });
});

export const open: CallTask<[token: string], number> = task('open', (token) => token.length, {
  environment: { TOKEN: secret.env('HOME') },
});

/** Where it is made. */
export const lane: CallTask<[x: number], number> = task('lane', () => process.pid);

export const dies: CallTask<[x: number], number> = task('dies', () => process.exit(7));
