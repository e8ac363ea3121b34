import { enableCompileCache } from 'node:module';

/** A lane in a thread of the engine's process. Before anything else is loaded: what follows is found compiled. */
enableCompileCache();
await import('./thread-lane.ts');
