import { formatBytes, type MemoryError, memoryError } from '../../core';
import type { SharedBudgetMember, SharedBudgetStats } from './options';

const NAMED = 3;

function consumersText(members: readonly SharedBudgetMember[]): string {
  const top = members
    .filter(({ usedBytes }) => usedBytes > 0)
    .sort((a, b) => b.usedBytes - a.usedBytes)
    .slice(0, NAMED)
    .map(({ pid, threadId, usedBytes }) => `process ${pid} thread ${threadId} ${formatBytes(usedBytes)}`);
  return top.length === 0 ? '' : `; most is held by ${top.join(', ')}`;
}

export function exceeded(stats: SharedBudgetStats, bytes: number): MemoryError {
  const { name, limitBytes, usedBytes, heldBytes, members } = stats;
  const idleBytes = Math.max(0, heldBytes - usedBytes);
  const idle = limitBytes - usedBytes >= bytes ? `, ${idleBytes} more are on their way back or others wait` : '';
  return memoryError(
    'ERR_MEMORY_BUDGET_EXCEEDED',
    `shared budget '${name}': ${bytes} bytes refused: ${usedBytes} of ${limitBytes} bytes are in use${idle}` +
      consumersText(members),
    {
      requestedBytes: bytes,
      limitBytes,
      availableBytes: Math.max(0, limitBytes - usedBytes),
      source: name,
      hint: 'Release some, wait with acquire(), or raise the limit.',
    },
  );
}

export function beyond(name: string, bytes: number, limitBytes: number): MemoryError {
  return memoryError(
    'ERR_MEMORY_TOO_LARGE',
    `shared budget '${name}': ${bytes} bytes are more than its limit, ${limitBytes} bytes`,
    { requestedBytes: bytes, limitBytes, source: name },
  );
}

export function timedOut(stats: SharedBudgetStats, bytes: number, deadlineMs: number): MemoryError {
  const { message, limitBytes, availableBytes } = exceeded(stats, bytes);
  return memoryError('ERR_MEMORY_TIMEOUT', `${message}; waited ${deadlineMs} ms`, {
    requestedBytes: bytes,
    limitBytes,
    availableBytes,
    source: stats.name,
  });
}

export function aborted(name: string, bytes: number, signal: AbortSignal | undefined): MemoryError {
  return memoryError('ERR_MEMORY_ABORTED', `shared budget '${name}': waiting for ${bytes} bytes was aborted`, {
    requestedBytes: bytes,
    source: name,
    cause: signal?.reason,
  });
}

export function closedError(name: string, what: string): MemoryError {
  return memoryError('ERR_MEMORY_CLOSED', `shared budget '${name}': ${what} after close()`, { source: name });
}

export function stillUsed(name: string, bytes: number): MemoryError {
  return memoryError(
    'ERR_MEMORY_IN_USE',
    `shared budget '${name}' cannot be closed here: ${bytes} bytes are reserved by this member`,
    { requestedBytes: bytes, source: name, hint: 'Release them first; other members may go on.' },
  );
}

export function tooMuch(name: string, bytes: number, usedBytes: number): MemoryError {
  return memoryError(
    'ERR_MEMORY_INVALID_STATE',
    `shared budget '${name}': release of ${bytes} bytes, but only ${usedBytes} bytes are reserved by this member`,
    { requestedBytes: bytes, availableBytes: usedBytes, source: name },
  );
}

export function tooManyMembers(where: string, name: string, members: number): MemoryError {
  return memoryError('ERR_MEMORY_POOL_EXHAUSTED', `${where}: all ${members} places for members are taken`, {
    source: name,
    hint: 'Close members that are not needed, or create the budget with more `members`.',
  });
}
