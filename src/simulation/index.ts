export { drawScenario, type Scenario } from './scenario.ts';
export { simulate, type SimulationOptions, type Verdict } from './simulation.ts';
