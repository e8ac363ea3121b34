/** What a module says at its top, without what runs it. */
export { choice, integer, logUniform, normal, uniform } from './distribution.ts';
export { experiment, isExperiment } from './experiment.ts';
export { Param } from './param.ts';
export { ParamSpace } from './param-space.ts';
export { range } from './range.ts';
export { latinHypercube, random, sobol } from './sampled-spaces.ts';
export { fromCsv, grid, list, product, union, zip } from './spaces.ts';
