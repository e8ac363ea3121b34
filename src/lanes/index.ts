export { CallOutput, type CallOutputOptions } from './call-output.ts';
export { laneBackend, type LaneKind, type LaneOptions } from './lane-backend.ts';
export { recordedTransport, sweepLanes } from './lane-records.ts';
export { forkTransport, type LocalOptions, pipeTransport } from './local-transport.ts';
export { stdioTransport, type StdioOptions } from './stdio-transport.ts';
export { type LaneStreams, streamTransport } from './stream-transport.ts';
export { threadTransport } from './thread-transport.ts';
export type { LaneEnd, LaneShape, OpenTransport, Transport, TransportListener } from './transport.ts';
