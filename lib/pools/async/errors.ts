import { describe, type MemoryError, memoryError } from '../../core';
import { poolClosed } from '../base';

const SOURCE = 'AsyncPool';

export function waitedInVain(deadlineMs: number, others: number, cause: unknown): MemoryError {
  const why = cause === undefined ? '' : '; the last try to make one failed';
  return memoryError('ERR_MEMORY_TIMEOUT', `${SOURCE}.acquire: nothing was free for ${deadlineMs} ms${why}`, {
    source: SOURCE,
    cause,
    hint: `${others} others wait: release sooner, raise max, or wait longer.`,
  });
}

export function crowded(waiting: number, max: number, borrowed: number): MemoryError {
  return memoryError(
    'ERR_MEMORY_POOL_EXHAUSTED',
    `${SOURCE}.acquire: ${waiting} wait already, which is the limit; ${borrowed} of ${max} objects are lent out`,
    { source: SOURCE, hint: 'Release sooner, or raise max or maxWaitingClients.' },
  );
}

/** A hook did not answer in its time. */
export function overdue(hook: string, timeoutMs: number): MemoryError {
  return memoryError('ERR_MEMORY_TIMEOUT', `${SOURCE}: ${hook} did not answer within ${timeoutMs} ms`, {
    source: SOURCE,
    hint: 'Give it more time, or let it give up by itself.',
  });
}

export function notAnObject(made: unknown): MemoryError {
  return memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${SOURCE}: create must give an object or a function, got ${describe(made)}`,
    { source: SOURCE, hint: 'Wrap what is no object into one.' },
  );
}

export function madeTwice(): MemoryError {
  return memoryError('ERR_MEMORY_INVALID_STATE', `${SOURCE}: create gave an object that is in the pool already`, {
    source: SOURCE,
    hint: 'Each call of create makes a new one.',
  });
}

export function noVerdict(answer: unknown): MemoryError {
  return memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${SOURCE}: validate must give true or false, got ${describe(answer)}`,
    { source: SOURCE, hint: 'Anything else counts as false, and the object is ended.' },
  );
}

export function notServing(method: string, draining: boolean): MemoryError {
  if (!draining) return poolClosed(SOURCE, method);
  return memoryError('ERR_MEMORY_CLOSED', `${SOURCE}.${method}: the pool drains and takes no new requests`, {
    source: SOURCE,
  });
}

/** Waiting for the whole pool took too long: it goes on all the same. */
export function notReached(method: string, deadlineMs: number, state: string): MemoryError {
  return memoryError('ERR_MEMORY_TIMEOUT', `${SOURCE}.${method}: not done after ${deadlineMs} ms: ${state}`, {
    source: SOURCE,
    hint: 'It goes on: only this wait has ended.',
  });
}
