import { connect } from 'node:net';

/**
 * A ProxyCommand that is a slow line: at most 500 bytes at a time, and no faster than 500 kB a second.
 * `slow-link.entry.ts HOST PORT`
 */
const [host = '', port = ''] = process.argv.slice(2);
const socket = connect(Number(port), host);

async function trickle(from: NodeJS.ReadableStream, to: NodeJS.WritableStream): Promise<void> {
  for await (const chunk of from) {
    const bytes = chunk as Buffer;
    for (let at = 0; at < bytes.length; at += 500) {
      to.write(bytes.subarray(at, at + 500));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  to.end();
}

await Promise.all([trickle(process.stdin, socket), trickle(socket, process.stdout)]).catch(() => undefined);
