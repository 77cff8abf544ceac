export type { ConfigAllocatorParts, ConfigMonitorParts, ConfigProviderParts, ConfigSystemParts } from './build';
export { type ConfigCandidate, type ConfigLoadOptions, MemoryConfig } from './config';
export type { FileWatch } from './file-watch';
export { CONFIG_PRESETS, type ConfigPreset } from './presets';
export {
  type ConfigProblem,
  type ConfigProblemKind,
  type ConfigSource,
  formatSource as formatConfigSource,
} from './problems';
export { configSchema } from './schema';
export {
  CONFIG_FIELDS,
  type ConfigField,
  type ConfigInput,
  type ConfigPath,
  type ConfigSection,
  type ConfigValue,
  type ConfigValues,
  SECTION_HELP as CONFIG_SECTION_HELP,
} from './table';
export { formatRange as formatConfigRange, formatValue as formatConfigValue } from './values';
export {
  type ConfigChange,
  type ConfigEvents,
  type ConfigRefusal,
  type ConfigReload,
  ConfigWatcher,
  type ConfigWatchOptions,
  watchConfig,
} from './watcher';
