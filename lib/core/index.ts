export { alignDown, alignUp, checkAlignment, checkedAdd, checkedMultiply, isPowerOfTwo } from './align';
export { type BudgetLike, checkBudget, PRESSURE_LEVELS, type PressureLevel, type PressureSignal } from './budget-like';
export {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkNumber,
  checkOneOf,
  checkOptions,
  checkSignal,
  checkString,
  overPreset,
} from './check';
export { checkClock, checkTimers } from './check-time';
export { type Clock, systemClock } from './clock';
export { describe } from './describe';
export { disposeAll } from './disposable';
export {
  ERROR_CODES,
  type ErrorCategory,
  type ErrorCode,
  type ErrorCodeInfo,
  type ErrorSeverity,
  isErrorCode,
} from './error-codes';
export {
  type ErrorDetails,
  isMemoryError,
  MemoryCorruptionError,
  MemoryError,
  MemoryExhaustedError,
  MemoryPermissionError,
  MemoryStateError,
  MemorySystemError,
  MemoryUnsupportedError,
  MemoryValidationError,
  memoryError,
} from './errors';
export { INSPECT } from './inspect';
export { Lookout, lookDelayMs } from './lookout';
export { nearest } from './nearest';
export { notForUsers } from './not-for-users';
export { printable } from './printable';
export { Repayment } from './repayment';
export { ignoreFailure, isThenable } from './thenable';
export { stopTimer, systemTimers, type Timers } from './timers';
export type { Allocator, AllocatorStats, MemoryUsage, RegionLike, RegionProvider } from './types';
export {
  type ByteSize,
  type Duration,
  formatBytes,
  formatDuration,
  type ParseBytesOptions,
  parseBytes,
  parseDuration,
} from './units';
export { type WaitEnds, watchEnds } from './wait-ends';
export { parseWait, WAIT_KEYS, type WaitOptions, type WaitRequest } from './wait-options';
export { type Waiter, WaiterQueue } from './waiter-queue';
