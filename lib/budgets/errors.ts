import { formatBytes, type MemoryError, memoryError } from '../core';
import type { BudgetNode } from './node';

const NAMED = 3;

/** The budgets of a tree that use most, by their own users, greatest first. */
export function topConsumers(root: BudgetNode, count: number = NAMED): { name: string; usedBytes: number }[] {
  const all: { name: string; usedBytes: number }[] = [];
  const visit = (node: BudgetNode): void => {
    if (node.used > 0) all.push({ name: node.path(), usedBytes: node.used });
    for (const child of node.children.values()) visit(child);
  };
  visit(root);
  return all.sort((a, b) => b.usedBytes - a.usedBytes).slice(0, count);
}

function consumersText(root: BudgetNode): string {
  const top = topConsumers(root).map(({ name, usedBytes }) => `${name} ${formatBytes(usedBytes)}`);
  return top.length === 0 ? '' : `; most is held by ${top.join(', ')}`;
}

function barrier({ policy }: BudgetNode): string {
  return policy.name === 'greedy' ? 'the rest is promised to others' : `its policy '${policy.name}' gives no more`;
}

/** What stood in the way of a reservation, with the numbers of whoever refused. */
export function exceeded(budget: BudgetNode, bytes: number, blocked: BudgetNode): MemoryError {
  const usedBytes = blocked.totalUsed();
  const availableBytes = Math.max(0, blocked.limit - usedBytes);
  const waits = blocked.waiters.peek() !== undefined;
  const at = blocked === budget ? '' : ` by '${blocked.path()}'`;
  const why = availableBytes >= bytes ? `, and ${waits ? 'others wait before this request' : barrier(blocked)}` : '';
  return memoryError(
    'ERR_MEMORY_BUDGET_EXCEEDED',
    `budget '${budget.path()}': ${bytes} bytes refused${at}: ${usedBytes} of ${blocked.limit} bytes are in use${why}` +
      consumersText(blocked),
    {
      requestedBytes: bytes,
      limitBytes: blocked.limit,
      availableBytes,
      source: blocked.path(),
      hint: 'Release some, wait with acquire(), add a reclaimer, or raise the limit.',
    },
  );
}

export function closedError(budget: BudgetNode, what: string): MemoryError {
  return memoryError('ERR_MEMORY_CLOSED', `budget '${budget.name}': ${what} after close()`, { source: budget.name });
}

/** The error of closing a budget that is in use, naming who holds what. */
export function stillHeld(budget: BudgetNode, open: readonly string[]): MemoryError {
  const usedBytes = budget.totalUsed();
  const holders = topConsumers(budget, 5).map(({ name, usedBytes: bytes }) => `${name} ${formatBytes(bytes)}`);
  const children = open.length === 0 ? '' : `; open children: ${open.join(', ')}`;
  return memoryError(
    'ERR_MEMORY_IN_USE',
    `budget '${budget.path()}' cannot be closed: ${usedBytes} bytes are in use (${holders.join(', ') || 'none'})${children}`,
    { requestedBytes: usedBytes, source: budget.path(), hint: 'Release what is named, close the children first.' },
  );
}
