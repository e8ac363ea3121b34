export { systemClock, systemRandom } from './system-clock.ts';
