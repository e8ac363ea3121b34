/** Any of the commands: `client.entry.ts SOCKET COMMAND ARGS...`. */
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import type { Answer, Question } from './server.ts';

const [, , socket = '', command = '', ...args] = process.argv;
const question: Question = { command, args, user: userInfo().username, directory: process.cwd() };

let text = '';
const connection = connect(socket, () => connection.end(JSON.stringify(question)));
connection.setEncoding('utf8');
connection.on('data', (chunk: string) => (text += chunk));
connection.on('end', () => {
  const { code, stdout, stderr } = JSON.parse(text) as Answer;
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = code;
});
connection.on('error', () => {
  process.stderr.write(`Connection refused\n${command}: cannot connect to server pbslab (errno=111)\n`);
  process.exitCode = 111;
});
