export { localTransport } from './local-transport.ts';
export type { SshOptions } from './ssh-command.ts';
export { sshTransport } from './ssh-transport.ts';
export type * from './transport.ts';
