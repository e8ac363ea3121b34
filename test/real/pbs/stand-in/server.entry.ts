/** The server as a process: `server.entry.ts SOCKET OPTIONS`, the latter as JSON. Says `up` when it listens. */
import { createServer } from 'node:net';
import { type Question, type ServerOptions, StandInServer } from './server.ts';

const [, , socket = '', options = '{}'] = process.argv;
const server = new StandInServer(JSON.parse(options) as ServerOptions);

createServer({ allowHalfOpen: true }, (connection) => {
  let text = '';
  connection.setEncoding('utf8');
  connection.on('data', (chunk: string) => (text += chunk));
  connection.on('end', () => connection.end(JSON.stringify(server.answer(JSON.parse(text) as Question))));
  connection.on('error', () => undefined);
}).listen(socket, () => process.stdout.write('up\n'));

process.on('SIGTERM', () => {
  server.close();
  process.exit(0);
});
