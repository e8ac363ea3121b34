export { type StoreCase, storeCases, storeCasesFor, type StoreFixture, type StoreTrait } from './store-conformance.ts';
export type { BackendCase, BackendTrait } from './backend-case.ts';
export { backendCases, backendCasesFor, traitsOf } from './backend-conformance.ts';
export { sampleCommit, sampleGraph, sampleRun } from './store-samples.ts';
export { type BackendFixture, BackendRig, type Settled } from './backend-rig.ts';
export { type FixtureFacts, temporaryFixture } from './temporary-fixture.ts';
export { misbehaving, type MisbehavingOptions, type Misbehaviour } from './misbehaving-backend.ts';
export { FakeClock } from './fake-clock.ts';
