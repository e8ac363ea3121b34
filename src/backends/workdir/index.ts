export { CaptureGuard, cutShellsWord, stderrTail } from './capture.ts';
export { collectOutputs, type Collection, EMPTY_VALUE } from './collect.ts';
export type { CommandFile, CommandPlaces, CommandWork } from './command-file.ts';
export { badEnd, collectOrError } from './judge.ts';
export { judgeContained } from './container-file.ts';
export { attemptTarget, isLauncherAlive, survivorsOf } from './survivors.ts';
export { redactCapture } from './redact-capture.ts';
export { WorkDirectories, type WorkPlaces } from './prepare.ts';
export {
  type Claim,
  type ClaimState,
  type ExitRecord,
  isFenced,
  readClaim,
  readExitRecord,
  writeFence,
} from './records.ts';
export { STARTED_FILE, WRAPPER_EXIT, wrapperScript } from './wrapper.ts';
