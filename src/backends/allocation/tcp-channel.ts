import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { deserialize, serialize } from 'node:v8';
import type { Clock } from '../../model/index.ts';
import type { AgentCard, Channel } from './protocol.ts';

/**
 * Both sides prove that they have the token before either reads anything else: each sends a random word, and what a keyed hash
 * makes of both words (RFC 2104, the token as its key). The token itself never travels: who listens on a port that an agent had
 * before learns nothing, and is not listened to.
 */
const GREETING = 'heddle-agent/2 ';
const WORD_BYTES = 24;
/** `GREETING word\n` and `GREETING word proof\n`, in base64url. */
const WORD_CHARS = 32;
const PROOF_CHARS = 43;
const CONNECT_MS = 2000;
const CLOSE_MS = 2000;
const HEADER = 4;
/** Above this it is no message of ours. */
const MAX_BYTES = 0x40000000;

/** Lists of messages over a connection: their length, and v8's format. Only after both have said who they are. */
class TcpChannel<Out, In> implements Channel<Out, In> {
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  #length = 0;
  #heard: ((messages: readonly In[]) => void) | undefined;
  #early: (readonly In[])[] = [];
  #why = 'the connection was closed';

  constructor(socket: Socket, rest: Buffer) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 15_000);
    socket.on('error', (error) => {
      this.#why = error.message;
    });
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    if (rest.length > 0) this.#take(rest);
  }

  send(messages: readonly Out[]): void {
    const body = serialize(messages);
    const frame = Buffer.allocUnsafe(HEADER + body.length);
    frame.writeUInt32LE(body.length, 0);
    body.copy(frame, HEADER);
    if (this.#socket.writable) this.#socket.write(frame);
  }

  listen(listener: { heard(messages: readonly In[]): void; closed(why: string): void }): void {
    this.#heard = (messages) => listener.heard(messages);
    for (const messages of this.#early.splice(0)) listener.heard(messages);
    const closed = (): void => listener.closed(this.#why);
    if (this.#socket.destroyed) closed();
    else this.#socket.once('close', closed);
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed) return;
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      socket.setTimeout(CLOSE_MS, () => socket.destroy());
      socket.destroySoon();
    });
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    try {
      for (let body = this.#next(); body !== undefined; body = this.#next()) {
        const messages = deserialize(body) as readonly In[];
        if (this.#heard === undefined) this.#early.push(messages);
        else this.#heard(messages);
      }
    } catch (error) {
      this.#socket.destroy(error as Error);
    }
  }

  #next(): Buffer | undefined {
    if (this.#length < HEADER) return undefined;
    const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : this.#join();
    const length = all.readUInt32LE(0);
    if (length > MAX_BYTES) throw new RangeError('it speaks another protocol');
    if (all.length < HEADER + length) return undefined;
    const rest = all.subarray(HEADER + length);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    return all.subarray(HEADER, HEADER + length);
  }

  #join(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}

/** Listens for whoever has the token. */
export async function listenTcp<Out, In>(
  token: string,
  { clock, met }: { readonly clock: Clock; readonly met: (channel: Channel<Out, In>) => void },
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => {
    const timer = clock.after(CONNECT_MS, () => socket.destroy());
    socket.once('close', () => timer.cancel());
    const mine = word();
    lineOf(socket, GREETING.length + WORD_CHARS, (said) => {
      const theirs = said.slice(GREETING.length);
      if (!said.startsWith(GREETING)) return socket.destroy();
      socket.write(`${GREETING}${mine} ${proof(token, 'agent', theirs, mine)}\n`);
      lineOf(socket, PROOF_CHARS, (answer, rest) => {
        if (!isSame(answer, proof(token, 'engine', theirs, mine))) return socket.destroy();
        timer.cancel();
        met(new TcpChannel<Out, In>(socket, rest));
      });
    });
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, () => resolve());
  });
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

/** Connects to an agent by any of its addresses; undefined when none leads there, or who answers is another. */
export async function connectTcp<Out, In>(card: AgentCard, clock: Clock): Promise<Channel<Out, In> | undefined> {
  if (card.port === 0) return undefined;
  for (const host of [card.host, ...card.addresses]) {
    const channel = await connectTo<Out, In>(host, card, clock);
    if (channel !== undefined) return channel;
  }
  return undefined;
}

function connectTo<Out, In>(
  host: string,
  { port, token }: AgentCard,
  clock: Clock,
): Promise<Channel<Out, In> | undefined> {
  const { promise, resolve } = Promise.withResolvers<Channel<Out, In> | undefined>();
  const socket = connect({ host, port });
  const timer = clock.after(CONNECT_MS, () => socket.destroy());
  socket.once('close', () => {
    timer.cancel();
    resolve(undefined);
  });
  const mine = word();
  socket.once('connect', () => socket.write(`${GREETING}${mine}\n`));
  lineOf(socket, GREETING.length + WORD_CHARS + 1 + PROOF_CHARS, (said, rest) => {
    const theirs = said.slice(GREETING.length, GREETING.length + WORD_CHARS);
    const isAgent = isSame(said.slice(-PROOF_CHARS), proof(token, 'agent', mine, theirs));
    if (!said.startsWith(GREETING) || !isAgent) return socket.destroy();
    timer.cancel();
    socket.write(`${proof(token, 'engine', mine, theirs)}\n`);
    resolve(new TcpChannel<Out, In>(socket, rest));
  });
  return promise;
}

function word(): string {
  return randomBytes(WORD_BYTES).toString('base64url');
}

/** Who does not have the token can't say this, nor repeat what another has said. */
function proof(token: string, who: 'agent' | 'engine', engines: string, agents: string): string {
  return createHmac('sha256', token).update(`${who} ${engines} ${agents}`).digest('base64url');
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Calls back with a line of exactly so many characters, and what came behind it; hangs up on any other. */
function lineOf(socket: Socket, length: number, then: (line: string, rest: Buffer) => void): void {
  let said: Buffer = Buffer.alloc(0);
  if (socket.listenerCount('error') === 0) socket.on('error', () => undefined);
  const listen = (chunk: Buffer): void => {
    said = Buffer.concat([said, chunk]);
    if (said.length <= length) return;
    socket.off('data', listen);
    if (said[length] !== 0x0a) return void socket.destroy();
    then(said.toString('latin1', 0, length), said.subarray(length + 1));
  };
  socket.on('data', listen);
}

/** Addresses of this machine that others may reach, those of the loop last. */
export function addressesHere(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const outer = all.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address);
  return [...outer, '127.0.0.1'];
}
