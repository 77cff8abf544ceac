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

/** What the table knows of a code. */
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

/** The name of a code. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What to do about each, for errors that have no closer advice of their own. */
export const ERROR_HINTS: Readonly<Record<ErrorCode, string>> = Object.freeze({
  ERR_MEMORY_INVALID_ARGUMENT:
    'Pass what the message asks for; the declarations of the package say the type of every argument.',
  ERR_MEMORY_OUT_OF_RANGE: 'Pass a number within the range that the message names.',
  ERR_MEMORY_INVALID_ALIGNMENT: 'Use a power of two from 1 to 4096, or leave the alignment out.',
  ERR_MEMORY_OVERFLOW: 'Ask for less: sizes and their products stay below 2^53 bytes.',
  ERR_MEMORY_CONFIG:
    'Correct the setting that the message names; nebula-memory config shows where each value comes from.',
  ERR_MEMORY_OUT_OF_MEMORY:
    'Free memory or raise the limit of the container; nebula-memory probe limits shows who set it.',
  ERR_MEMORY_TOO_LARGE: 'Make the owner larger, or ask for less at a time.',
  ERR_MEMORY_BUDGET_EXCEEDED: 'Free what the budget covers, wait for room, or raise its limit.',
  ERR_MEMORY_POOL_EXHAUSTED: 'Give items back, wait for one, or make the pool larger.',
  ERR_MEMORY_ARENA_EXHAUSTED: 'Free or reset what is no longer needed, or make it larger.',
  ERR_MEMORY_CACHE_OVERFLOW: 'Make the cache larger than its largest entry, or do not cache this one.',
  ERR_MEMORY_HUGE_PAGES_UNAVAILABLE:
    'Reserve pages of that size; nebula-memory probe hugepages shows the pools and the command.',
  ERR_MEMORY_LOCK_LIMIT: 'Unlock what need not be locked, or raise the limit: ulimit -l.',
  ERR_MEMORY_MAP_LIMIT: 'Free regions, take fewer and larger ones, or raise vm.max_map_count.',
  ERR_MEMORY_PERMISSION:
    'Grant the right that the message names; nebula-memory probe capabilities shows what is allowed here.',
  ERR_MEMORY_UNSUPPORTED: 'Do without, or run where it exists; nebula-memory probe capabilities tells what works here.',
  ERR_MEMORY_NUMA_UNAVAILABLE: 'Leave the placement out; nebula-memory probe numa shows what this process may use.',
  ERR_MEMORY_FREED: 'Look for what keeps the object or view after its memory was freed.',
  ERR_MEMORY_DOUBLE_FREE: 'Free once: whoever allocated it, or whoever took it over.',
  ERR_MEMORY_FOREIGN_FREE: 'Free with the owner that handed it out, by the offset as it was returned.',
  ERR_MEMORY_STALE_HANDLE: 'Take a new one: a reset, a rewind or another owner ended the old one.',
  ERR_MEMORY_LIFO_VIOLATION: 'Free the newest block first, or use an allocator that takes any order.',
  ERR_MEMORY_INVALID_STATE: 'Wait until the call that the message names has ended, then try again from outside of it.',
  ERR_MEMORY_CLOSED: 'Make a new one, or dispose it only after its last user.',
  ERR_MEMORY_IN_USE: 'Try again when the native work or the pin has ended.',
  ERR_MEMORY_ABORTED: 'Nothing is wrong: nothing was taken. Call again with a signal that is not aborted.',
  ERR_MEMORY_CORRUPTION: 'Do not go on with this memory; a GuardedAllocator or guard pages find the write that did it.',
  ERR_MEMORY_FAULTED: 'Unmap the region and look at its file or storage: it was cut, or it failed to read.',
  ERR_MEMORY_SYSCALL: 'Look up errno and syscall: they tell what the system refused.',
  ERR_MEMORY_TIMEOUT: 'Try again, or allow more time.',
});

/** True for the codes of {@link ERROR_CODES}. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_CODES, value);
}
