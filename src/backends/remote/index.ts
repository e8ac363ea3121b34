export { remoteBackend, type RemoteBackendOptions } from './remote-backend.ts';
export { type NativeKind, nativePreview, type NativePreview, type PreviewOptions } from './native-preview.ts';
export type { PollInterval, RemoteSettings } from './settings.ts';
export { hostsBackend, type HostInit, type HostsBackendOptions } from './hosts-backend.ts';
