import { constants } from 'node:os';
import type { ErrorCode } from '../../../lib/core';
import { CODES, errnoName, explain, failureError, isFailure, unwrap } from '../../../lib/platform/native';

const { errno } = constants;
const system = (call: string, name: keyof typeof errno) => ({
  failed: CODES.system,
  call,
  errno: errno[name],
  detail: 0,
});

describe('system calls', () => {
  test.each<[string, keyof typeof errno, ErrorCode]>([
    ['mmap', 'ENOMEM', 'ERR_MEMORY_OUT_OF_MEMORY'],
    ['mmap', 'EAGAIN', 'ERR_MEMORY_LOCK_LIMIT'],
    ['mmap', 'EPERM', 'ERR_MEMORY_PERMISSION'],
    ['mmap', 'EACCES', 'ERR_MEMORY_PERMISSION'],
    ['mmap', 'ENODEV', 'ERR_MEMORY_UNSUPPORTED'],
    ['mmap', 'EOPNOTSUPP', 'ERR_MEMORY_UNSUPPORTED'],
    ['mmap', 'EOVERFLOW', 'ERR_MEMORY_TOO_LARGE'],
    ['mmap', 'EINVAL', 'ERR_MEMORY_SYSCALL'],
    ['madvise', 'EFAULT', 'ERR_MEMORY_OUT_OF_MEMORY'],
    ['madvise', 'EAGAIN', 'ERR_MEMORY_SYSCALL'],
    ['madvise', 'EBUSY', 'ERR_MEMORY_SYSCALL'],
    ['madvise', 'EINVAL', 'ERR_MEMORY_SYSCALL'],
    ['memfd_create', 'EMFILE', 'ERR_MEMORY_SYSCALL'],
    ['memfd_create', 'ENFILE', 'ERR_MEMORY_SYSCALL'],
    ['memfd_secret', 'ENOSYS', 'ERR_MEMORY_UNSUPPORTED'],
    ['memfd_secret', 'EPERM', 'ERR_MEMORY_PERMISSION'],
    ['msync', 'EIO', 'ERR_MEMORY_SYSCALL'],
    ['mlock', 'ENOMEM', 'ERR_MEMORY_LOCK_LIMIT'],
    ['mlock', 'EPERM', 'ERR_MEMORY_LOCK_LIMIT'],
    ['mlock2', 'EAGAIN', 'ERR_MEMORY_LOCK_LIMIT'],
    ['mlock', 'EINVAL', 'ERR_MEMORY_SYSCALL'],
    ['mbind', 'EPERM', 'ERR_MEMORY_PERMISSION'],
    ['mbind', 'ENOSYS', 'ERR_MEMORY_NUMA_UNAVAILABLE'],
    ['mbind', 'EINVAL', 'ERR_MEMORY_NUMA_UNAVAILABLE'],
    ['mbind', 'EIO', 'ERR_MEMORY_SYSCALL'],
    ['move_pages', 'EPERM', 'ERR_MEMORY_PERMISSION'],
    ['sched_setaffinity', 'EINVAL', 'ERR_MEMORY_NUMA_UNAVAILABLE'],
    ['open', 'ENOENT', 'ERR_MEMORY_SYSCALL'],
    ['open', 'EEXIST', 'ERR_MEMORY_SYSCALL'],
    ['open', 'EACCES', 'ERR_MEMORY_PERMISSION'],
    ['open', 'EPERM', 'ERR_MEMORY_PERMISSION'],
    ['open', 'EROFS', 'ERR_MEMORY_PERMISSION'],
    ['open', 'EISDIR', 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['open', 'ENOTDIR', 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['open', 'ELOOP', 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['open', 'ENAMETOOLONG', 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['open', 'EMFILE', 'ERR_MEMORY_SYSCALL'],
    ['open', 'EIO', 'ERR_MEMORY_SYSCALL'],
    ['ftruncate', 'ENOSPC', 'ERR_MEMORY_OUT_OF_MEMORY'],
    ['ftruncate', 'EDQUOT', 'ERR_MEMORY_OUT_OF_MEMORY'],
    ['ftruncate', 'EFBIG', 'ERR_MEMORY_TOO_LARGE'],
    ['ftruncate', 'EINVAL', 'ERR_MEMORY_TOO_LARGE'],
    ['unlink', 'ENOENT', 'ERR_MEMORY_SYSCALL'],
  ])('%s with %s is %s', (call, name, code) => {
    const error = failureError(system(call, name), { what: 'Region.map', requestedBytes: 4096, source: 'here' });
    expect(error).toMatchObject({ code, syscall: call, errno: errno[name], requestedBytes: 4096, source: 'here' });
    expect(error.message).toMatch(new RegExp(`^Region\\.map of 4 KiB \\(here\\): .+: ${call} failed with \\w+$`));
  });

  it('that say to try again are retryable, others as their code is', () => {
    const retryable = (call: string, name: keyof typeof errno) =>
      failureError(system(call, name), { what: 'x' }).retryable;
    expect([retryable('madvise', 'EAGAIN'), retryable('madvise', 'EBUSY'), retryable('open', 'EMFILE')]).toEqual([
      true,
      true,
      true,
    ]);
    expect([retryable('madvise', 'EINVAL'), retryable('open', 'ENOENT')]).toEqual([false, false]);
  });

  it('that are denied by a container name the switch', () => {
    expect(explain(system('mbind', 'EPERM')).hint).toContain('--cap-add SYS_NICE');
    expect(explain(system('mlock', 'ENOMEM')).hint).toContain('ulimit -l');
    expect(explain(system('open', 'EMFILE')).hint).toContain('ulimit -n');
  });
});

describe('codes of our own', () => {
  test.each<[keyof typeof CODES, string, ErrorCode]>([
    ['invalid', 'argument', 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['range', 'range', 'ERR_MEMORY_OUT_OF_RANGE'],
    ['range', 'file', 'ERR_MEMORY_OUT_OF_RANGE'],
    ['range', 'empty file', 'ERR_MEMORY_OUT_OF_RANGE'],
    ['freed', 'holder', 'ERR_MEMORY_FREED'],
    ['stale', 'table', 'ERR_MEMORY_STALE_HANDLE'],
    ['stale', 'process', 'ERR_MEMORY_STALE_HANDLE'],
    ['inUse', 'claim', 'ERR_MEMORY_IN_USE'],
    ['inUse', 'holders', 'ERR_MEMORY_IN_USE'],
    ['state', 'locked', 'ERR_MEMORY_INVALID_STATE'],
    ['state', 'kind', 'ERR_MEMORY_INVALID_STATE'],
    ['state', 'access', 'ERR_MEMORY_INVALID_STATE'],
    ['mapLimit', 'mappings', 'ERR_MEMORY_MAP_LIMIT'],
    ['unsupported', 'hugetlb', 'ERR_MEMORY_UNSUPPORTED'],
    ['corruption', 'canary', 'ERR_MEMORY_CORRUPTION'],
    ['tooLarge', 'buffer', 'ERR_MEMORY_TOO_LARGE'],
    ['noMemory', 'populate', 'ERR_MEMORY_OUT_OF_MEMORY'],
    ['noMemory', 'table', 'ERR_MEMORY_OUT_OF_MEMORY'],
  ])('%s (%s) is %s', (name, call, code) => {
    const error = failureError({ failed: CODES[name], call, errno: 0, detail: 77 }, { what: 'Region.x' });
    expect([error.code, error.syscall, error.errno]).toEqual([code, undefined, undefined]);
    expect(error.message).toMatch(/^Region\.x: /);
  });

  it('carry the number that explains them', () => {
    const error = failureError({ failed: CODES.range, call: 'file', errno: 0, detail: 100 }, { what: 'x' });
    expect([error.limitBytes, error.message]).toEqual([100, expect.stringContaining('holds 100 bytes')]);
    expect(
      failureError({ failed: CODES.mapLimit, call: '', errno: 0, detail: 32765 }, { what: 'x' }).message,
    ).toContain('32765');
  });

  it("cover every code: none falls through to another one's sentence", () => {
    const sentences = Object.entries(CODES).map(([name, failed]) => [
      name,
      explain({ failed, call: 'x', errno: 0, detail: 1 }).reason,
    ]);
    expect(new Set(sentences.map(([, reason]) => reason)).size).toBe(sentences.length - missing.length);
  });
});

// 'faulted' never crosses as a failure: faults are counted, and lib/ raises the error by itself.
const missing = ['faulted'];

describe('unwrap', () => {
  it('gives values back, also odd ones, and builds the context only for failures', () => {
    const context = jest.fn(() => ({ what: 'x' }));
    for (const value of [undefined, null, 0, false, '', {}, { failed: 'no' }, []])
      expect(unwrap(value, context)).toBe(value);
    expect(context).not.toHaveBeenCalled();
    expect(() => unwrap(system('mmap', 'ENOMEM'), context)).toThrow('x: ');
  });

  it('tells failures apart', () => {
    expect([isFailure(system('mmap', 'ENOMEM')), isFailure(null), isFailure({}), isFailure('x')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('names error numbers', () => {
    expect([errnoName(errno.ENOMEM), errnoName(99999)]).toEqual(['ENOMEM', 'error 99999']);
  });

  it('starts the stack at the caller', () => {
    const error = failureError(system('mmap', 'ENOMEM'), { what: 'x' });
    expect(error.stack?.split('\n')[1]).toContain(__filename);
  });
});
