import { task } from 'heddle';
import { type Point, stateOf } from './point.ts';
import { simulateStatePoint } from './state-point.ts';

/** The simulation of a point as a task: study.ts and study.yaml call it. */
export const simulate = task('simulate', (point: Point) => simulateStatePoint(stateOf(point)));
