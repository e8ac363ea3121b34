export { type LaneHost, type LaneRuntime, withHostLanes } from './host-lanes.ts';
