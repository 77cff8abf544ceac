import { type Allocator, checkFunction, describe, memoryError } from '../../core';
import { checkAllocator } from '../base';
import { COUNTED_KEYS, type EventLog, OPERATION, RUN_KEYS, type RunStatistics } from './log';

/** What came of playing a log. */
export interface ReplayResult {
  /** Counters of the allocator that it was played on. */
  readonly replayed: RunStatistics;
  /** The same as recorded, where the log has them. */
  readonly recorded: RunStatistics | null;
  /** Counters in which both differ, but for uncounted ones; empty without recorded ones. */
  readonly differences: readonly (keyof RunStatistics)[];
  /** Counters that were off when the log was recorded: they stand at 0 there and say nothing. */
  readonly uncounted: readonly (keyof RunStatistics)[];
  /** Calls of the allocator. */
  readonly operations: number;
  readonly nanoseconds: number;
  /** Null without operations. */
  readonly nanosecondsPerOperation: number | null;
  /** Allocations of the log for which there was no room here; their frees were left out. */
  readonly newFailures: number;
  /** Refusals of the log that were granted here; given back at once. */
  readonly newSuccesses: number;
  /** Frees that the allocator refused, as out of order in a stack. */
  readonly refusedFrees: number;
  readonly firstRefusal: string | null;
}

/**
 * Plays a log on an allocator, as fast as it goes. The memory is not written to. On a new allocator of the kind and size
 * that was recorded, every counter comes out as it was.
 *
 * @param nowNs a clock in nanoseconds, default that of the process
 * @throws what the allocator throws but for lack of room and refused frees; ERR_MEMORY_INVALID_ARGUMENT for what is no log,
 *   no allocator or no clock
 */
export function replayLog(
  log: EventLog,
  allocator: Allocator,
  nowNs: () => bigint = process.hrtime.bigint,
): ReplayResult {
  const player = new Player(checkLog(log), checkAllocator('replayLog: allocator', allocator));
  checkFunction('replayLog: nowNs', nowNs);
  const before = allocator.stats();
  const start = checkTime(nowNs());
  player.play();
  const nanoseconds = Number(checkTime(nowNs()) - start);
  const after = allocator.stats();
  const replayed: RunStatistics = {
    allocations: after.allocations - before.allocations,
    deallocations: after.deallocations - before.deallocations,
    failures: after.failures - before.failures,
    resets: after.resets - before.resets,
    live: after.liveAllocations,
    used: after.usedBytes,
    peak: after.peakUsedBytes,
  };
  const { recorded, recordedWith } = log;
  const uncounted = recorded !== null && recordedWith?.counting === false ? COUNTED_KEYS : [];
  const differs = (key: keyof RunStatistics): boolean =>
    recorded !== null && recorded[key] !== replayed[key] && !uncounted.includes(key);
  const { operations, newFailures, newSuccesses, refusedFrees, firstRefusal } = player;
  return {
    replayed,
    recorded,
    differences: RUN_KEYS.filter(differs),
    uncounted,
    operations,
    nanoseconds,
    nanosecondsPerOperation: operations === 0 ? null : nanoseconds / operations,
    ...{ newFailures, newSuccesses, refusedFrees, firstRefusal },
  };
}

function checkLog(log: EventLog): EventLog {
  const { kinds, sizes, alignments, blocks, blockCount, recorded } = (log ?? {}) as Partial<EventLog>;
  const columns = [kinds, sizes, alignments, blocks];
  const isLog =
    columns.every((column) => ArrayBuffer.isView(column) && column.length === kinds?.length) &&
    Number.isSafeInteger(blockCount) &&
    typeof recorded === 'object';
  if (isLog) return log;
  throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `replayLog: log must be an event log, got ${describe(log)}`, {
    hint: 'parseEventLog(text) makes one.',
  });
}

function checkTime(time: bigint): bigint {
  if (typeof time === 'bigint') return time;
  throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `replayLog: nowNs must return a bigint, got ${describe(time)}`);
}

class Player {
  operations = 0;
  newFailures = 0;
  newSuccesses = 0;
  refusedFrees = 0;
  firstRefusal: string | null = null;
  private readonly log: EventLog;
  private readonly allocator: Allocator;
  private readonly offsets: Float64Array;

  constructor(log: EventLog, allocator: Allocator) {
    this.log = log;
    this.allocator = allocator;
    this.offsets = new Float64Array(log.blockCount).fill(-1);
  }

  play(): void {
    const { kinds, sizes, alignments, blocks } = this.log;
    const { allocator, offsets } = this;
    for (let at = 0; at < kinds.length; at++) {
      const kind = kinds[at];
      const byteLength = sizes[at] as number;
      const block = blocks[at] as number;
      if (kind === OPERATION.allocate) {
        const offset = this.allocate(byteLength, alignments[at] as number);
        offsets[block] = offset;
        if (offset === -1 && byteLength > 0) this.newFailures++;
      } else if (kind === OPERATION.free) {
        this.free(block, byteLength);
      } else if (kind === OPERATION.failure) {
        const offset = this.allocate(byteLength, alignments[at] as number);
        if (offset !== -1) this.takeBack(offset, byteLength);
      } else {
        allocator.reset();
        this.operations++;
      }
    }
  }

  private allocate(byteLength: number, alignment: number): number {
    if (byteLength === 0) return -1; // RMM logs them; they hold nothing
    this.operations++;
    return alignment === 0 ? this.allocator.tryAllocate(byteLength) : this.allocator.tryAllocate(byteLength, alignment);
  }

  private free(block: number, byteLength: number): void {
    const offset = this.offsets[block] as number;
    if (offset === -1) return;
    this.operations++;
    try {
      this.allocator.deallocate(offset, byteLength);
    } catch (error) {
      this.refused(error);
    }
  }

  private takeBack(offset: number, byteLength: number): void {
    this.newSuccesses++;
    this.operations++;
    try {
      this.allocator.deallocate(offset, byteLength);
    } catch (error) {
      this.refused(error);
    }
  }

  private refused(error: unknown): void {
    this.refusedFrees++;
    this.firstRefusal ??= error instanceof Error ? error.message : String(error);
  }
}
