export type { Counter, TrackedCounters } from './counters';
export { diffLeaks, type LeakChange, type LeakDiff } from './diff';
export { TRACKING_LEVELS, type TrackedOptions, type TrackingLevel } from './levels';
export type { PresenceScope } from './presence';
export { describeLeaks, type LeakReport, parseLeakReport } from './report';
export type { LeakSite } from './sites';
export { type OutstandingBlock, TrackedAllocator } from './tracked';
