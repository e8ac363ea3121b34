export { CONTAINER_FILE, type ContainerBody, type ContainerFacts } from './container-facts.ts';
export { containerText } from './container-text.ts';
export { containerFor, withDefaultContainer } from './default-container.ts';
export { ImageDigests } from './image-digest.ts';
export { judgeContainer } from './judge-container.ts';
export { type ContainerRecord, readContainer } from './record.ts';
export { containerSweep, SWEEP_CONTAINER } from './sweep.ts';
