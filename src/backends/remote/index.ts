export { remoteBackend, type RemoteBackendOptions } from './remote-backend.ts';
export type { PollInterval, RemoteSettings } from './settings.ts';
export { hostsBackend, type HostInit, type HostsBackendOptions } from './hosts-backend.ts';
