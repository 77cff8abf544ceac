export type { Capabilities, Capability } from './capabilities';
export { type EnvironmentIdentity, environments, parseProcessStat } from './environments';
export * from './machine';
export { memory, type QuarantineOptions } from './memory';
export {
  type Access,
  type Advice,
  type FeatureName,
  type NativeTotals,
  type RegionKind,
  setNativeBinding,
} from './native';
export { numa } from './numa';
export * from './region';
