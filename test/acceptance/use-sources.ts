import { registerResolver } from '../../src/calls/index.ts';

registerResolver();
