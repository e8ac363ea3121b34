export { isNewEnough, RemoteCode, type RemoteCodeOptions, type RemoteRuntime } from './remote-code.ts';
