import { enableCompileCache } from 'node:module';

/** A lane over streams of bytes. Before anything else is loaded: what follows is found compiled. */
enableCompileCache();
const { serveFrames } = await import('./framed-lane.ts');
serveFrames(process.argv.slice(2));
