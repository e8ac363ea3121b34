export { RemoteCode, type RemoteCodeOptions, type RemoteRuntime } from './remote-code.ts';
