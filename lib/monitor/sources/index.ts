export { BudgetSource, type BudgetSourceOptions, type BudgetUsage } from './budget';
export {
  type CgroupEventName,
  CgroupEventsSource,
  type CgroupEventsSourceOptions,
  EVENT_LEVELS,
} from './cgroup-events';
export { defaultSources } from './defaults';
export type { FileEvents } from './file-events';
export { HeapSource, type HeapSourceOptions } from './heap';
export { ManualSource } from './manual';
export { PsiSource, type PsiSourceOptions } from './psi';
export type { PsiTrigger } from './psi-file';
export {
  checkSource,
  type PressureSource,
  reasonOf,
  type SourceReading,
  SourceSlot,
  type SourceStatus,
} from './source';
export { SystemdSource, type SystemdSourceOptions } from './systemd';
export { UtilizationSource, type UtilizationSourceOptions } from './utilization';
