export { remoteBackend, type RemoteBackendOptions } from './remote-backend.ts';
export type { PollInterval, RemoteSettings } from './settings.ts';
