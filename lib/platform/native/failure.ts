import { constants } from 'node:os';
import { type ErrorCode, type ErrorDetails, formatBytes, type MemoryError, memoryError } from '../../core';
import { CODES, type Failure, type Fallible, isFailure } from './binding';

/** What the caller knows of a call that failed: the sentence's subject and the numbers in it. */
export interface FailureContext {
  /** What was attempted, as the user wrote it: `Region.map(2 MiB)`. */
  readonly what: string;
  readonly requestedBytes?: number | undefined;
  /** A path or a name. */
  readonly source?: string | undefined;
}

const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));
const { ENOMEM, EAGAIN, EPERM, EACCES, ENOSYS, EINVAL, EMFILE, ENFILE, ENOSPC, EROFS, ENOENT, EEXIST, EISDIR } =
  constants.errno;
const { EOPNOTSUPP, ENODEV, EFAULT, EBUSY, EIO, EFBIG, EOVERFLOW, ENAMETOOLONG, ELOOP, ENOTDIR, EDQUOT } =
  constants.errno;

export function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `error ${errno}`;
}

interface Verdict {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly hint?: string;
  readonly retryable?: boolean;
}

const LOCK_CALLS = new Set(['mlock', 'mlock2', 'VirtualLock']);
const NUMA_CALLS = new Set(['mbind', 'move_pages', 'get_mempolicy', 'sched_setaffinity']);
const FILE_CALLS = new Set([
  ...['open', 'ftruncate', 'statx', 'fallocate', 'unlink'],
  ...['CreateFile', 'CreateFileMapping', 'OpenFileMapping', 'SetFileInformationByHandle'],
]);

function ofLock(errno: number): Verdict {
  const hint = 'Raise the locked-memory limit (ulimit -l, LimitMEMLOCK=, --ulimit memlock=-1) or grant CAP_IPC_LOCK.';
  if (errno === ENOMEM || errno === EPERM || errno === EAGAIN) {
    return { code: 'ERR_MEMORY_LOCK_LIMIT', reason: 'the locked-memory limit of the process forbids it', hint };
  }
  return { code: 'ERR_MEMORY_SYSCALL', reason: 'the pages could not be locked' };
}

function ofNuma(call: string, errno: number): Verdict {
  if (errno === EPERM) {
    return {
      code: 'ERR_MEMORY_PERMISSION',
      reason: "the call is blocked, most likely by the container's seccomp profile",
      hint: 'Run the container with --cap-add SYS_NICE or a seccomp profile that allows mbind and move_pages.',
    };
  }
  if (errno === ENOSYS) return { code: 'ERR_MEMORY_NUMA_UNAVAILABLE', reason: 'this kernel has no NUMA support' };
  if (errno === EINVAL) {
    return {
      code: 'ERR_MEMORY_NUMA_UNAVAILABLE',
      reason:
        call === 'sched_setaffinity'
          ? 'none of these processors is allowed'
          : 'a node is absent or not allowed, or the kernel is too old for this policy',
      hint: 'memory.topology() lists the nodes that this process may use.',
    };
  }
  if (errno === ENOMEM && call === 'move_pages') {
    return {
      code: 'ERR_MEMORY_NUMA_UNAVAILABLE',
      reason: 'the node has too few free pages; those moved so far stay there',
      hint: 'Free memory on the node, or migrate a smaller range.',
    };
  }
  return { code: 'ERR_MEMORY_SYSCALL', reason: 'the kernel refused the placement' };
}

function ofFile(errno: number): Verdict {
  switch (errno) {
    case EACCES:
    case EPERM:
      return {
        code: 'ERR_MEMORY_PERMISSION',
        reason: 'permission was denied',
        hint: 'Check owner and mode of the file and its folders.',
      };
    case EROFS:
      return {
        code: 'ERR_MEMORY_PERMISSION',
        reason: 'the file system is read-only',
        hint: "Map it with mode 'copy', which writes nothing to the file.",
      };
    case ENOENT:
      return {
        code: 'ERR_MEMORY_SYSCALL',
        reason: 'it does not exist',
        hint: 'Check the name, or create it (create: true).',
      };
    case EEXIST:
      return { code: 'ERR_MEMORY_SYSCALL', reason: 'it exists already', hint: 'Open it instead, or unlink it first.' };
    case EISDIR:
      return { code: 'ERR_MEMORY_INVALID_ARGUMENT', reason: 'it is a directory' };
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
      return { code: 'ERR_MEMORY_INVALID_ARGUMENT', reason: 'the path cannot be followed' };
    case ENOSPC:
    case EDQUOT:
      return {
        code: 'ERR_MEMORY_OUT_OF_MEMORY',
        reason: 'the file system is full',
        hint: 'Free space there, or enlarge it (a tmpfs: mount -o remount,size=…).',
      };
    case ENOMEM:
      return { code: 'ERR_MEMORY_OUT_OF_MEMORY', reason: 'the system has no memory for it' };
    case EFBIG:
    case EINVAL:
      return { code: 'ERR_MEMORY_TOO_LARGE', reason: 'the file system cannot hold a file of this size' };
    default:
      return ofDescriptor(errno) ?? { code: 'ERR_MEMORY_SYSCALL', reason: 'the file could not be used' };
  }
}

function ofDescriptor(errno: number): Verdict | undefined {
  if (errno !== EMFILE && errno !== ENFILE) return undefined;
  return {
    code: 'ERR_MEMORY_SYSCALL',
    reason: 'no file descriptor is left',
    hint: 'Free regions that hold one (file, shared, secret), or raise the limit (ulimit -n).',
    retryable: true,
  };
}

function ofSystem(call: string, errno: number): Verdict {
  if (LOCK_CALLS.has(call)) return ofLock(errno);
  if (NUMA_CALLS.has(call)) return ofNuma(call, errno);
  if (FILE_CALLS.has(call)) return ofFile(errno);
  const descriptor = ofDescriptor(errno);
  if (descriptor !== undefined) return descriptor;
  switch (errno) {
    case ENOMEM:
      return {
        code: 'ERR_MEMORY_OUT_OF_MEMORY',
        reason: 'the system has no memory or address space for it',
        hint: 'memory.limits() shows what is left and who limits it.',
      };
    case EFAULT:
      return { code: 'ERR_MEMORY_OUT_OF_MEMORY', reason: 'a page could not be had' };
    case EAGAIN:
      return call === 'mmap'
        ? ofLock(errno)
        : { code: 'ERR_MEMORY_SYSCALL', reason: 'the kernel asks to try again', retryable: true };
    case EBUSY:
      return { code: 'ERR_MEMORY_SYSCALL', reason: 'the pages are busy', retryable: true };
    case EPERM:
      if (call === 'AdjustTokenPrivileges') {
        return {
          code: 'ERR_MEMORY_PERMISSION',
          reason: "the account lacks the right 'Lock pages in memory'",
          hint: "Grant it (secpol.msc, Local Policies, User Rights Assignment, 'Lock pages in memory') and log on again.",
        };
      }
      return { code: 'ERR_MEMORY_PERMISSION', reason: 'the system denied it' };
    case EACCES:
      return { code: 'ERR_MEMORY_PERMISSION', reason: 'the system denied it' };
    case ENOSYS:
    case EOPNOTSUPP:
    case ENODEV:
      return { code: 'ERR_MEMORY_UNSUPPORTED', reason: 'this kernel or file system does not support it' };
    case EOVERFLOW:
      return { code: 'ERR_MEMORY_TOO_LARGE', reason: 'the size or offset is beyond what the system can address' };
    case EIO:
      return { code: 'ERR_MEMORY_SYSCALL', reason: 'the device reported an error' };
    case EINVAL:
      if (call === 'VirtualAlloc') {
        return { code: 'ERR_MEMORY_TOO_LARGE', reason: 'the size is beyond what the system can address' };
      }
      if (call === 'VirtualAllocExNuma') {
        return { code: 'ERR_MEMORY_NUMA_UNAVAILABLE', reason: 'the node does not exist or has no memory' };
      }
      return { code: 'ERR_MEMORY_SYSCALL', reason: 'the kernel does not accept it for this memory' };
    default:
      return { code: 'ERR_MEMORY_SYSCALL', reason: 'the system call failed' };
  }
}

function ofCode(failure: Failure): Verdict {
  const { failed, call, errno, detail } = failure;
  switch (failed) {
    case CODES.system:
      return ofSystem(call, errno);
    case CODES.range:
      if (call === 'empty file')
        return {
          code: 'ERR_MEMORY_OUT_OF_RANGE',
          reason: 'the file is empty',
          hint: 'Give a length together with create or grow, or write to the file first.',
        };
      if (call === 'file')
        return {
          code: 'ERR_MEMORY_OUT_OF_RANGE',
          reason: `it reaches past the end of the file, which holds ${detail} bytes`,
          hint: "Map less, or let the file grow (mode 'shared', grow: true).",
        };
      return { code: 'ERR_MEMORY_OUT_OF_RANGE', reason: `the range does not lie inside the region of ${detail} bytes` };
    case CODES.freed:
      return { code: 'ERR_MEMORY_FREED', reason: 'the region was freed before' };
    case CODES.stale:
      return call === 'process'
        ? {
            code: 'ERR_MEMORY_STALE_HANDLE',
            reason: 'the handle belongs to another process',
            hint: 'Only regions made by Region.shared() can be attached from another process.',
          }
        : { code: 'ERR_MEMORY_STALE_HANDLE', reason: 'its region was freed' };
    case CODES.inUse:
      return call === 'holders'
        ? {
            code: 'ERR_MEMORY_IN_USE',
            reason: `${detail} other holder(s) are attached to it`,
            hint: 'Free the attachments first.',
          }
        : {
            code: 'ERR_MEMORY_IN_USE',
            reason: `it is pinned or another thread is inside a call on it (${detail})`,
            hint: 'Release the pins first, or wait with freeWhenIdle().',
          };
    case CODES.state:
      if (call === 'locked')
        return { code: 'ERR_MEMORY_INVALID_STATE', reason: 'it is locked', hint: 'Call unlock() first.' };
      if (call === 'kind')
        return {
          code: 'ERR_MEMORY_INVALID_STATE',
          reason:
            'there is nothing to write back: only shared file and shared memory regions have an object behind them',
        };
      return {
        code: 'ERR_MEMORY_INVALID_STATE',
        reason: 'its protection forbids it',
        hint: "Call protect('readwrite') first, or read() while it is readable.",
      };
    case CODES.mapLimit:
      return {
        code: 'ERR_MEMORY_MAP_LIMIT',
        reason: `the process would hold more than ${detail} mappings, half of what the kernel allows`,
        hint: 'Use fewer, larger regions, or raise it: sysctl -w vm.max_map_count=262144.',
      };
    case CODES.unsupported:
      return { code: 'ERR_MEMORY_UNSUPPORTED', reason: `it is not supported here (${call})` };
    case CODES.tooLarge:
      return {
        code: 'ERR_MEMORY_TOO_LARGE',
        reason: `this Node.js cannot span ${detail} bytes with one buffer`,
        hint: 'Take windows of the region instead: region.window(offset, length).',
      };
    case CODES.noMemory:
      return {
        code: 'ERR_MEMORY_OUT_OF_MEMORY',
        reason:
          call === 'populate' ? 'some of its pages could not be had' : 'no memory is left for its bookkeeping or pages',
      };
    case CODES.corruption:
      return { code: 'ERR_MEMORY_CORRUPTION', reason: 'its canary was overwritten' };
    default:
      return { code: 'ERR_MEMORY_INVALID_ARGUMENT', reason: `the argument does not fit (${call})` };
  }
}

/** Why a native call failed, as code and sentence, for reports that do not throw. */
export function explain(failure: Failure): Verdict {
  return ofCode(failure);
}

export function failureError(failure: Failure, context: FailureContext): MemoryError {
  const { code, reason, hint, retryable } = ofCode(failure);
  const system = failure.failed === CODES.system;
  const own = failure.detail === 0 ? '' : ` (system error ${failure.detail})`;
  const cause = system ? `: ${failure.call} failed with ${errnoName(failure.errno)}${own}` : '';
  const limitBytes = failure.failed === CODES.range || failure.failed === CODES.tooLarge ? failure.detail : undefined;
  const details: ErrorDetails = {
    hint,
    requestedBytes: context.requestedBytes,
    limitBytes,
    syscall: system ? failure.call : undefined,
    errno: system ? failure.errno : undefined,
    source: context.source,
    retryable,
  };
  const subject = context.source === undefined ? '' : ` (${context.source})`;
  const size = context.requestedBytes === undefined ? '' : ` of ${formatBytes(context.requestedBytes)}`;
  const error = memoryError(code, `${context.what}${size}${subject}: ${reason}${cause}`, details);
  Error.captureStackTrace(error, failureError);
  return error;
}

/** The value, or the failure thrown as a MemoryError. `context` is built only when it is needed. */
export function unwrap<T>(value: Fallible<T>, context: () => FailureContext): T {
  if (isFailure(value)) throw failureError(value, context());
  return value as T;
}
