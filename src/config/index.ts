export {
  type AllocationInput,
  type ConfigInput,
  defineConfig,
  type HostInput,
  type PollInput,
  type ProfileInput,
  type SshInput,
  type TargetInput,
} from './config.ts';
export { checkTarget, CONFIG_FILES, loadConfig, type LoadConfigOptions, type LoadedConfig } from './load.ts';
export {
  type AllocationSettings,
  type HostSettings,
  targetSettings,
  type TargetSettings,
  type WaySettings,
} from './targets.ts';
