export { Agent, type AgentOptions } from './agent.ts';
export { allocationBackend, type AllocationBackendOptions } from './allocation-backend.ts';
