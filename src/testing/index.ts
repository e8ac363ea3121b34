export { type StoreCase, storeCases, storeCasesFor, type StoreFixture, type StoreTrait } from './store-conformance.ts';
