/** What kind of failure it was. Unsupported, denied (permission), failed (system) and over a limit (exhausted) are kept apart. */
export type ErrorCategory =
  | 'validation'
  | 'exhausted'
  | 'permission'
  | 'unsupported'
  | 'state'
  | 'corruption'
  | 'system';

/** How bad it is: `warning` is expected in normal service, `critical` means that memory contents can no longer be trusted. */
export type ErrorSeverity = 'warning' | 'error' | 'critical';

export interface ErrorCodeInfo {
  readonly category: ErrorCategory;
  readonly severity: ErrorSeverity;
  /** True when the same call may succeed later without any change by the caller. */
  readonly retryable: boolean;
  /** One sentence for the error catalogue. */
  readonly summary: string;
}

function info(category: ErrorCategory, severity: ErrorSeverity, retryable: boolean, summary: string): ErrorCodeInfo {
  return Object.freeze({ category, severity, retryable, summary });
}

/** Every error code of the package: the only list, from which the documentation is made as well. */
export const ERROR_CODES = Object.freeze({
  ERR_MEMORY_INVALID_ARGUMENT: info('validation', 'error', false, 'An argument has the wrong type or form.'),
  ERR_MEMORY_OUT_OF_RANGE: info('validation', 'error', false, 'A number lies outside its range.'),
  ERR_MEMORY_INVALID_ALIGNMENT: info('validation', 'error', false, 'An alignment is no supported power of two.'),
  ERR_MEMORY_OVERFLOW: info('validation', 'error', false, 'A size computation exceeds 2^53 - 1 bytes.'),
  ERR_MEMORY_CONFIG: info('validation', 'error', false, 'A configuration value or file is invalid.'),

  ERR_MEMORY_OUT_OF_MEMORY: info('exhausted', 'error', true, 'The operating system has no memory to give.'),
  ERR_MEMORY_TOO_LARGE: info('exhausted', 'error', false, 'The request can never fit, whatever is freed.'),
  ERR_MEMORY_BUDGET_EXCEEDED: info('exhausted', 'warning', true, 'A budget would exceed its limit.'),
  ERR_MEMORY_POOL_EXHAUSTED: info('exhausted', 'warning', true, 'Every item of a pool is in use.'),
  ERR_MEMORY_ARENA_EXHAUSTED: info('exhausted', 'warning', true, 'An arena or allocator has no room left.'),
  ERR_MEMORY_CACHE_OVERFLOW: info('exhausted', 'warning', true, 'An entry does not fit into its cache.'),
  ERR_MEMORY_HUGE_PAGES_UNAVAILABLE: info('exhausted', 'warning', true, 'No huge pages of that size are free.'),
  ERR_MEMORY_LOCK_LIMIT: info('exhausted', 'warning', true, 'Locking would exceed the locked-memory limit.'),
  ERR_MEMORY_MAP_LIMIT: info('exhausted', 'error', true, 'The process would hold too many mappings.'),

  ERR_MEMORY_PERMISSION: info('permission', 'error', false, 'The system refused: a right or capability is missing.'),

  ERR_MEMORY_UNSUPPORTED: info('unsupported', 'warning', false, 'This platform, kernel or build has no such feature.'),
  ERR_MEMORY_NUMA_UNAVAILABLE: info('unsupported', 'warning', false, 'NUMA placement cannot be had here.'),

  ERR_MEMORY_FREED: info('state', 'error', false, 'The memory was freed before this call.'),
  ERR_MEMORY_DOUBLE_FREE: info('state', 'error', false, 'The same memory was freed twice.'),
  ERR_MEMORY_FOREIGN_FREE: info('state', 'error', false, 'The memory belongs to somebody else.'),
  ERR_MEMORY_STALE_HANDLE: info('state', 'error', false, 'A handle, marker or lease is of an earlier generation.'),
  ERR_MEMORY_LIFO_VIOLATION: info('state', 'error', false, 'Stack memory was released out of order.'),
  ERR_MEMORY_INVALID_STATE: info('state', 'error', false, 'The object is in no state for this call.'),
  ERR_MEMORY_CLOSED: info('state', 'error', false, 'The object was closed before this call.'),
  ERR_MEMORY_IN_USE: info('state', 'warning', true, 'The memory is pinned or used by native work.'),
  ERR_MEMORY_ABORTED: info('state', 'warning', false, 'The caller aborted the operation by its signal.'),

  ERR_MEMORY_CORRUPTION: info('corruption', 'critical', false, 'Memory or bookkeeping was overwritten.'),
  ERR_MEMORY_FAULTED: info('corruption', 'critical', false, 'A page behind the region could not be read or written.'),

  ERR_MEMORY_SYSCALL: info('system', 'error', false, 'A system call failed for a reason given by its errno.'),
  ERR_MEMORY_TIMEOUT: info('system', 'warning', true, 'The operation did not finish in its time.'),
});

export type ErrorCode = keyof typeof ERROR_CODES;

/** True for the codes of {@link ERROR_CODES}. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_CODES, value);
}
