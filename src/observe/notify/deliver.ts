import { request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { asError, type Clock } from '../../model/index.ts';
import { baseEnvironment, runCommand } from '../../process/index.ts';
import type { NotifyTarget } from './target.ts';

/** What became of one try. `refused`: trying again would not help. */
export type Delivery =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'failed'; readonly why: string; readonly afterMs?: number }
  | { readonly kind: 'refused'; readonly why: string };

export interface DeliverOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** After this a try is given up. */
  readonly timeoutMs: number;
}

/** What an endpoint answers beyond this is not read. */
const MOST_ANSWER_BYTES = 16 * 1024;
const MOST_REDIRECTS = 3;
const POLITE_MS = 500;
const LONGEST_WAIT_MS = 3_600_000;

/** Tries once to tell a target. Never rejects. */
export async function deliver(
  target: NotifyTarget,
  message: { readonly key: string; readonly event: string; readonly body: string },
  options: DeliverOptions,
): Promise<Delivery> {
  try {
    if (target.kind === 'webhook') return await post(new URL(target.url), message, { ...options, redirects: 0 });
    await runCommand(['sh', '-c', target.command], {
      clock: options.clock,
      signal: options.signal,
      timeoutMs: options.timeoutMs,
      maxOutputBytes: 1024 * 1024,
      input: message.body,
      env: { ...baseEnvironment(), HEDDLE_NOTIFY_EVENT: message.event, HEDDLE_NOTIFY_KEY: message.key },
    });
    return { kind: 'delivered' };
  } catch (error) {
    return { kind: 'failed', why: asError(error).message.slice(0, 300) };
  }
}

type PostOptions = DeliverOptions & { readonly redirects: number };

/** An answer is read to a bound and thrown away: what counts is its status. */
async function post(
  url: URL,
  message: { readonly key: string; readonly body: string },
  options: PostOptions,
): Promise<Delivery> {
  const { promise, resolve } = Promise.withResolvers<Delivery>();
  const body = Buffer.from(message.body);
  const request: ClientRequest = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
    method: 'POST',
    // A connection of its own: nothing of an endpoint is kept for later.
    agent: false,
    headers: {
      'content-type': 'application/json',
      'content-length': body.length,
      'idempotency-key': message.key,
      'user-agent': 'heddle',
    },
  });
  const giveUp = (why: string): void => {
    resolve({ kind: 'failed', why });
    request.destroy();
  };
  const abort = (): void => giveUp('the engine was closed');
  const timer = options.clock.after(options.timeoutMs, () => giveUp(`no answer in ${options.timeoutMs / 1000} s`));
  options.signal.addEventListener('abort', abort, { once: true });
  if (options.signal.aborted) abort();
  request.on('error', (error: NodeJS.ErrnoException) => resolve({ kind: 'failed', why: error.code ?? error.message }));
  request.on('response', (response) => {
    let read = 0;
    response.on('data', (chunk: Buffer) => {
      read += chunk.length;
      if (read > MOST_ANSWER_BYTES) request.destroy();
    });
    response.on('error', () => undefined);
    const judged = judge(response, url);
    if ('location' in judged) {
      request.destroy();
      resolve(redirected(judged.location, message, options));
      return;
    }
    resolve(judged);
    // The rest is heard out of politeness, and not for long: an end that never comes would hold the connection.
    const enough = options.clock.after(POLITE_MS, () => request.destroy());
    request.once('close', () => enough.cancel());
  });
  request.end(body);
  try {
    return await promise;
  } finally {
    timer.cancel();
    options.signal.removeEventListener('abort', abort);
  }
}

async function redirected(
  location: URL,
  message: { readonly key: string; readonly body: string },
  options: PostOptions,
): Promise<Delivery> {
  if (options.redirects >= MOST_REDIRECTS) return { kind: 'failed', why: 'it redirects in a circle' };
  return post(location, message, { ...options, redirects: options.redirects + 1 });
}

/** What is sent is for the host that was named: a redirect elsewhere is not followed, and one that would not repeat the POST neither. */
function judge(response: IncomingMessage, url: URL): Delivery | { readonly location: URL } {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  if (status >= 300 && status < 400) {
    const text = response.headers.location;
    const location = text !== undefined && URL.canParse(text, url.href) ? new URL(text, url) : undefined;
    const repeats = status === 307 || status === 308;
    if (location !== undefined && repeats && location.origin === url.origin) return { location };
    return { kind: 'refused', why: `it answered ${status}, a redirect that is not followed` };
  }
  // The endpoint says that this message will never do; 408, 425 and 429 mean later.
  if (status >= 400 && status < 500 && ![408, 425, 429].includes(status))
    return { kind: 'refused', why: `it answered ${status}` };
  const after = Number(response.headers['retry-after']);
  return {
    kind: 'failed',
    why: `it answered ${status}`,
    ...(Number.isFinite(after) && after > 0 ? { afterMs: Math.min(after * 1000, LONGEST_WAIT_MS) } : {}),
  };
}
