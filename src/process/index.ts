export { type Capacity, devicesHere, readCapacity } from './capacity.ts';
export { gpuVendor } from './gpus.ts';
export { baseEnvironment, isVariableName, runtimeEnvironment } from './environment.ts';
export { type EndTarget, type Escalation, escalate, type EscalationHandle } from './escalation.ts';
export {
  bootId,
  hasVariable,
  isAlive,
  type ProcessIdentity,
  type ProcessStat,
  readProcess,
} from './identity.ts';
export {
  CLAIM_FILE,
  COMMAND_FILE,
  EXIT_FILE,
  FENCED_FILE,
  STDERR_FILE,
  STDOUT_FILE,
} from './job-files.ts';
export { type IoCounters, readIo, readVariable } from './io-counters.ts';
export { Launcher, type LauncherAnswer, type LauncherOptions, type LauncherOrder } from './launcher.ts';
export {
  childrenOf,
  groupTarget,
  leftBy,
  listProcesses,
  signalGroup,
  signalProcess,
} from './members.ts';
export { type MemoryGroup, MemoryGroups } from './memory-groups.ts';
export { MemoryKills } from './memory-kills.ts';
export { childFlags, type OwnFlags, threadFlags } from './node-flags.ts';
export {
  CommandError,
  type CommandFailure,
  type CommandOptions,
  type CommandResult,
  runCommand,
} from './run-command.ts';
export { findLauncherShell, type Isolation, type LauncherShell, ProgramFinder, sharesGroup, which } from './shells.ts';
export { systemClock, systemRandom } from './system-clock.ts';
export { PAGE_BYTES, ProcessTable, TICKS_PER_SECOND, UsageMeter } from './usage.ts';
