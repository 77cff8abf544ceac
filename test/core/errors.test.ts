import {
  ERROR_CODES,
  type ErrorCode,
  isErrorCode,
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
} from '../../lib/core';

/** A second copy of the modules, as an application gets it from CommonJS and ESM loaded side by side. */
function secondCopy(): typeof import('../../lib/core') {
  let copy: typeof import('../../lib/core') | undefined;
  jest.isolateModules(() => {
    copy = require('../../lib/core');
  });
  if (copy === undefined) throw new Error('no second copy');
  return copy;
}

describe('the table of codes', () => {
  it('holds exactly the codes of the design', () => {
    const names =
      'INVALID_ARGUMENT OUT_OF_RANGE INVALID_ALIGNMENT OVERFLOW OUT_OF_MEMORY TOO_LARGE BUDGET_EXCEEDED ' +
      'POOL_EXHAUSTED ARENA_EXHAUSTED CACHE_OVERFLOW HUGE_PAGES_UNAVAILABLE NUMA_UNAVAILABLE LOCK_LIMIT PERMISSION ' +
      'UNSUPPORTED SYSCALL FREED DOUBLE_FREE FOREIGN_FREE STALE_HANDLE LIFO_VIOLATION INVALID_STATE CLOSED ' +
      'FAULTED CORRUPTION IN_USE MAP_LIMIT CONFIG TIMEOUT ABORTED';
    const expected = names.split(' ').map((name) => `ERR_MEMORY_${name}`);
    expect(Object.keys(ERROR_CODES).sort()).toEqual(expected.sort());
  });

  it('says that corruption is critical and never worth a retry', () => {
    for (const info of Object.values(ERROR_CODES)) {
      expect(info.summary).toMatch(/^[A-Z].*\.$/);
      if (info.category === 'corruption') expect(info).toMatchObject({ severity: 'critical', retryable: false });
      if (info.category === 'validation') expect(info.retryable).toBe(false);
    }
  });

  it('knows its own names only', () => {
    expect(isErrorCode('ERR_MEMORY_FREED')).toBe(true);
    expect(isErrorCode('toString')).toBe(false);
    expect(isErrorCode(7)).toBe(false);
  });
});

describe('memoryError', () => {
  it.each([
    ['ERR_MEMORY_OUT_OF_RANGE', MemoryValidationError],
    ['ERR_MEMORY_OUT_OF_MEMORY', MemoryExhaustedError],
    ['ERR_MEMORY_PERMISSION', MemoryPermissionError],
    ['ERR_MEMORY_UNSUPPORTED', MemoryUnsupportedError],
    ['ERR_MEMORY_DOUBLE_FREE', MemoryStateError],
    ['ERR_MEMORY_CORRUPTION', MemoryCorruptionError],
    ['ERR_MEMORY_SYSCALL', MemorySystemError],
  ] as const)('makes %s the sub-class of its category', (code, expected) => {
    const error = memoryError(code, 'text');
    expect(error).toBeInstanceOf(expected);
    expect(error).toBeInstanceOf(MemoryError);
    expect(error).toBeInstanceOf(Error);
    expect(error.constructor).toBe(expected);
    expect(error.name).toBe(expected.kind);
    const others = [MemoryValidationError, MemoryStateError, MemorySystemError].filter((one) => one !== expected);
    for (const other of others) expect(error).not.toBeInstanceOf(other);
  });

  it('carries the facts that were given and no others', () => {
    const cause = new Error('below');
    const error = memoryError('ERR_MEMORY_SYSCALL', 'mmap failed', {
      syscall: 'mmap',
      errno: 11,
      cause,
      source: undefined,
    });
    expect(Object.keys(error).sort()).toEqual([
      'category',
      'code',
      'errno',
      'hint',
      'retryable',
      'severity',
      'syscall',
    ]);
    expect(error.cause).toBe(cause);
    expect('source' in error).toBe(false);
  });

  it.each(Object.keys(ERROR_CODES) as ErrorCode[])('has a hint for %s where nobody gives a closer one', (code) => {
    const error = memoryError(code, 'text', { hint: undefined });
    expect(error.hint).toMatch(/^[A-Z].{15,}\.$/);
    expect(error.toJSON()['hint']).toBe(error.hint);
    expect(memoryError(code, 'text', { hint: 'Closer.' }).hint).toBe('Closer.');
  });

  it('lets a single case be retryable', () => {
    expect(memoryError('ERR_MEMORY_SYSCALL', 'x').retryable).toBe(false);
    expect(memoryError('ERR_MEMORY_SYSCALL', 'x', { retryable: true }).retryable).toBe(true);
  });

  it('starts its stack at the caller and names the class', () => {
    const [head = '', frame = ''] = (memoryError('ERR_MEMORY_FREED', 'gone').stack ?? '').split('\n');
    expect(head).toBe('MemoryStateError: gone');
    expect(frame).toContain('errors.test');
  });

  it('refuses a code that does not exist', () => {
    expect(() => memoryError('ERR_MEMORY_NOPE' as ErrorCode, 'x')).toThrow(TypeError);
  });

  it('prints as JSON with its facts, and a cause cut short', () => {
    const cause = Object.assign(new RangeError('deep'), { code: 'ENOMEM', secret: 1 });
    const details = {
      requestedBytes: 8,
      limitBytes: 4,
      availableBytes: 0,
      hint: 'Free some.',
      source: 'images',
      cause,
    };
    expect(JSON.parse(JSON.stringify(memoryError('ERR_MEMORY_BUDGET_EXCEEDED', 'too much', details)))).toEqual({
      name: 'MemoryExhaustedError',
      code: 'ERR_MEMORY_BUDGET_EXCEEDED',
      category: 'exhausted',
      severity: 'warning',
      retryable: true,
      message: 'too much',
      hint: 'Free some.',
      requestedBytes: 8,
      limitBytes: 4,
      availableBytes: 0,
      source: 'images',
      cause: { name: 'RangeError', code: 'ENOMEM', message: 'deep' },
    });
  });

  it('prints a hostile cause without throwing', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const cause of [
      proxy,
      Symbol('s'),
      {
        toString: () => {
          throw new Error('no');
        },
      },
      5n,
    ]) {
      expect(() => JSON.stringify(memoryError('ERR_MEMORY_CLOSED', 'x', { cause }))).not.toThrow();
    }
  });
});

describe('instanceof', () => {
  it('holds across two copies of the package, both ways', () => {
    const other = secondCopy();
    expect(other.MemoryError).not.toBe(MemoryError);
    const theirs = other.memoryError('ERR_MEMORY_FREED', 'x');
    expect(theirs).toBeInstanceOf(MemoryError);
    expect(theirs).toBeInstanceOf(MemoryStateError);
    expect(theirs).not.toBeInstanceOf(MemoryValidationError);
    expect(memoryError('ERR_MEMORY_FREED', 'x')).toBeInstanceOf(other.MemoryStateError);
    expect(isMemoryError(theirs, 'ERR_MEMORY_FREED')).toBe(true);
    expect(isMemoryError(theirs, 'ERR_MEMORY_CLOSED')).toBe(false);
  });

  it('is false for everything else, hostile values included', () => {
    const throwing = new Proxy(
      {},
      {
        get: () => {
          throw new Error('trap');
        },
      },
    );
    for (const value of [null, undefined, 1, 'x', {}, new Error('x'), throwing]) {
      expect(isMemoryError(value)).toBe(false);
    }
  });

  it('works for a sub-class of a user', () => {
    class Mine extends MemoryStateError {}
    const mine = new Mine('ERR_MEMORY_CLOSED', 'x');
    expect(mine).toBeInstanceOf(Mine);
    expect(mine).toBeInstanceOf(MemoryStateError);
    expect(memoryError('ERR_MEMORY_CLOSED', 'x')).not.toBeInstanceOf(Mine);
  });
});
