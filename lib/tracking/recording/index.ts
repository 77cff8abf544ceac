export {
  type EventLog,
  type LoggedLeak,
  type LogSummary,
  parseEventLog,
  type RecordedAllocator,
  type RunStatistics,
} from './log';
export { RecordingAllocator, type RecordingOptions } from './recording';
export { type ReplayResult, replayLog } from './replay';
