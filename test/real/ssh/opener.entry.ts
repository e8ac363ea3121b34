import { sshTransport } from '../../../src/backends/transport/index.ts';
import { systemClock } from '../../../src/process/index.ts';

/** Opens a connection to a host, has a program there and one script run, says so, and waits for its end. */
const [host = '', config = '', controlDirectory = ''] = process.argv.slice(2);
const transport = sshTransport({ host, config, controlDirectory, clock: systemClock });
const connection = transport.connect('echo here; cat');
connection.output.once('data', () => {
  void transport.run('true').then(() => process.stdout.write('ready\n'));
});
