export { type AllocationRequest, AllocatorAdaptor, unwrap } from './base';
export { BudgetedAllocator, type BudgetedOptions, ByteLimit } from './budgeted';
export { FailureInjectingAllocator, type FailureInjectingOptions } from './failure-injecting';
export { FallbackAllocator, type FallbackOptions } from './fallback';
export { type Damage, GuardedAllocator, type GuardedOptions } from './guarded';
export { DEFAULT_PRESSURE_LIMITS, MonitoredAllocator, type MonitoredOptions, type PressureLimits } from './monitored';
export {
  type EventLog,
  type LoggedLeak,
  type LogSummary,
  parseEventLog,
  type RecordedAllocator,
  RecordingAllocator,
  type RecordingOptions,
  type ReplayResult,
  type RunStatistics,
  replayLog,
} from './recording';
export { RetryingAllocator, type RetryingOptions } from './retrying';
export {
  type Counter,
  describeLeaks,
  diffLeaks,
  type LeakChange,
  type LeakDiff,
  type LeakReport,
  type LeakSite,
  type OutstandingBlock,
  type PresenceScope,
  parseLeakReport,
  TRACKING_LEVELS,
  TrackedAllocator,
  type TrackedCounters,
  type TrackedOptions,
  type TrackingLevel,
} from './tracked';
