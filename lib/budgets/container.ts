import { getHeapStatistics } from 'node:v8';
import { checkNumber, checkOptions, memoryError } from '../core';
import { type Limits, memory, type ProcessMemory } from '../platform';

export interface ContainerBudgetOptions {
  /** Share of the limit that is left for what nobody counts: fragmentation, stacks, native heaps. Default 0.1. */
  readonly headroomRatio?: number;
  /** For tests: what is read of the machine. Default: this machine. */
  readonly limits?: Pick<Limits, 'effectiveBytes' | 'throttle' | 'detail'>;
  readonly heapLimitBytes?: number;
  readonly processMemory?: Pick<ProcessMemory, 'breakdown'>;
}

/**
 * What a service may give to memory of this package inside its container: the effective limit (a lower memory.high, where
 * the kernel begins to slow it down, counts), less what V8's heap may grow to, less what is resident for others, less the
 * headroom. In bytes.
 *
 * @throws ERR_MEMORY_UNSUPPORTED where no limit can be read, ERR_MEMORY_OUT_OF_MEMORY where nothing is left
 */
export function containerBytes(where: string, options: ContainerBudgetOptions = {}): number {
  const given = checkOptions(where, options, ['headroomRatio', 'limits', 'heapLimitBytes', 'processMemory']);
  const headroomRatio = checkNumber(`${where}: headroomRatio`, given.headroomRatio ?? 0.1, 0, 0.9);
  const limits = given.limits ?? memory.limits();
  const heapBytes = given.heapLimitBytes ?? getHeapStatistics().heap_size_limit;
  const { breakdown } = given.processMemory ?? memory.processMemory();
  if (limits.effectiveBytes === null) {
    throw memoryError('ERR_MEMORY_UNSUPPORTED', `${where}: no memory limit can be read here: ${limits.detail}`, {
      hint: 'Give the limit yourself: new MemoryBudget(name, { limitBytes }).',
    });
  }
  const limitBytes = Math.min(limits.effectiveBytes, limits.throttle?.bytes ?? Number.POSITIVE_INFINITY);
  const headroomBytes = Math.ceil(limitBytes * headroomRatio);
  const otherBytes = breakdown.otherBytes + breakdown.externalBytes + breakdown.arrayBuffersBytes;
  const left = Math.floor(limitBytes - heapBytes - otherBytes - headroomBytes);
  if (left < 1) {
    throw memoryError(
      'ERR_MEMORY_OUT_OF_MEMORY',
      `${where}: nothing is left of ${limitBytes} bytes (${limits.detail}): V8's heap may take ${heapBytes}, ` +
        `${otherBytes} are resident for others, ${headroomBytes} are headroom`,
      {
        limitBytes,
        availableBytes: 0,
        hint: 'Lower --max-old-space-size below the container limit, raise the limit, or ask for less headroom.',
      },
    );
  }
  return left;
}
