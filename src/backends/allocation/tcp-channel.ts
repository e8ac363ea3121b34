import { timingSafeEqual } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { deserialize, serialize } from 'node:v8';
import type { Clock } from '../../model/index.ts';
import type { AgentCard, Channel } from './protocol.ts';

/** What comes first on a connection, before either side believes the other. */
const GREETING = 'heddle-agent/1 ';
const WELCOME = 'heddle-agent/1 welcome\n';
const CONNECT_MS = 2000;
const HEADER = 4;
/** Above this it is no message of ours. */
const MAX_BYTES = 0x40000000;

/** Lists of messages over a connection: their length, and v8's format. Only after the token was said. */
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
    if (!this.#socket.destroyed) this.#socket.write(frame);
  }

  listen(listener: { heard(messages: readonly In[]): void; closed(why: string): void }): void {
    this.#heard = (messages) => listener.heard(messages);
    for (const messages of this.#early.splice(0)) listener.heard(messages);
    const closed = (): void => listener.closed(this.#why);
    if (this.#socket.destroyed) closed();
    else this.#socket.once('close', closed);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    for (let body = this.#next(); body !== undefined; body = this.#next()) {
      const messages = deserialize(body) as readonly In[];
      if (this.#heard === undefined) this.#early.push(messages);
      else this.#heard(messages);
    }
  }

  #next(): Buffer | undefined {
    if (this.#length < HEADER) return undefined;
    const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    this.#chunks = [all];
    const length = all.readUInt32LE(0);
    if (length > MAX_BYTES) {
      this.#why = 'it speaks another protocol';
      this.#socket.destroy();
      return undefined;
    }
    if (all.length < HEADER + length) return undefined;
    const rest = all.subarray(HEADER + length);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    return all.subarray(HEADER, HEADER + length);
  }
}

/** Listens for whoever knows the token. */
export async function listenTcp<Out, In>(
  token: string,
  met: (channel: Channel<Out, In>) => void,
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => {
    greeted(socket, `${GREETING}${token}\n`, (rest) => {
      socket.write(WELCOME);
      met(new TcpChannel<Out, In>(socket, rest));
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
  socket.on('error', () => undefined);
  socket.once('close', () => {
    timer.cancel();
    resolve(undefined);
  });
  socket.once('connect', () => socket.write(`${GREETING}${token}\n`));
  greeted(socket, WELCOME, (rest) => {
    timer.cancel();
    resolve(new TcpChannel<Out, In>(socket, rest));
  });
  return promise;
}

/** Calls back once exactly these words have come; hangs up on whoever says others. */
function greeted(socket: Socket, words: string, then: (rest: Buffer) => void): void {
  const wanted = Buffer.from(words);
  let said: Buffer = Buffer.alloc(0);
  socket.on('error', () => undefined);
  const listen = (chunk: Buffer): void => {
    said = Buffer.concat([said, chunk]);
    if (said.length < wanted.length) return;
    socket.off('data', listen);
    if (timingSafeEqual(said.subarray(0, wanted.length), wanted)) then(said.subarray(wanted.length));
    else socket.destroy();
  };
  socket.on('data', listen);
}

/** Addresses of this machine that others may reach, those of the loop last. */
export function addressesHere(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const outer = all.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address);
  return [...outer, '127.0.0.1'];
}
