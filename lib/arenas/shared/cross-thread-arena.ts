import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BudgetLike,
  type ByteSize,
  checkInteger,
  checkOptions,
  isMemoryError,
  memoryError,
  overPreset,
  systemClock,
} from '../../core';
import { Region } from '../../platform';
import { ARENA_KEYS, ARENA_PRESETS, Arena, type ArenaOptions, type Chunk, mergeOptions } from '../arena';
import { arrayLength } from '../typed/ranges';
import { type CrossThreadArenaHandle, checkCrossHandle, PendingHandOver, Ticket } from './hand-over';

/** As ArenaOptions; the memory is the arena's own, because other threads must be able to attach to it. */
export type CrossThreadArenaOptions = Omit<ArenaOptions, 'provider' | 'carrier'>;

const KEYS = ARENA_KEYS.filter((key) => key !== 'provider' && key !== 'carrier') as (keyof CrossThreadArenaOptions)[];

/**
 * An arena that goes from thread to thread with everything in it, without a copy. One thread owns it at a time:
 * handOver() closes this side and gives a handle, attach(handle) makes the other side the owner. Offsets stay the same.
 *
 * At the hand-over the pages move to other addresses, so that views which this side kept read zeros, and never what the
 * next owner writes. Threads of one process only.
 */
export class CrossThreadArena extends Arena {
  /** @throws as new Arena() */
  constructor(chunkBytes?: ByteSize | CrossThreadArenaOptions, options?: CrossThreadArenaOptions) {
    const where = 'new CrossThreadArena()';
    super({
      name: 'cross-thread-arena',
      ...mergeOptions<CrossThreadArenaOptions>(where, chunkBytes, options, KEYS),
      carrier: 'shared',
    });
  }

  /** As Arena.production, of this class. */
  static override production(more?: CrossThreadArenaOptions): CrossThreadArena {
    return new CrossThreadArena(
      overPreset<ArenaOptions>('CrossThreadArena.production', ARENA_PRESETS.production, more),
    );
  }
  /** As Arena.performance, of this class. */
  static override performance(more?: CrossThreadArenaOptions): CrossThreadArena {
    return new CrossThreadArena(
      overPreset<ArenaOptions>('CrossThreadArena.performance', ARENA_PRESETS.performance, more),
    );
  }
  /** As Arena.debug, of this class. */
  static override debug(more?: CrossThreadArenaOptions): CrossThreadArena {
    return new CrossThreadArena(overPreset<ArenaOptions>('CrossThreadArena.debug', ARENA_PRESETS.debug, more));
  }
  /** As Arena.conservative, of this class. */
  static override conservative(more?: CrossThreadArenaOptions): CrossThreadArena {
    return new CrossThreadArena(
      overPreset<ArenaOptions>('CrossThreadArena.conservative', ARENA_PRESETS.conservative, more),
    );
  }
  /** As Arena.smallObjects, of this class. */
  static override smallObjects(more?: CrossThreadArenaOptions): CrossThreadArena {
    return new CrossThreadArena(
      overPreset<ArenaOptions>('CrossThreadArena.smallObjects', ARENA_PRESETS.smallObjects, more),
    );
  }
  /** As Arena.largeObjects, of this class. */
  static override largeObjects(more?: CrossThreadArenaOptions): CrossThreadArena {
    return new CrossThreadArena(
      overPreset<ArenaOptions>('CrossThreadArena.largeObjects', ARENA_PRESETS.largeObjects, more),
    );
  }

  /**
   * Becomes the owner of an arena that another thread handed over.
   *
   * @param options a budget to charge from now on
   * @throws ERR_MEMORY_STALE_HANDLE when it is gone, was revoked, or another thread has taken it;
   *   ERR_MEMORY_INVALID_ARGUMENT for what is no such handle, and the budget's error: the hand-over stays open then
   */
  static attach(handle: CrossThreadArenaHandle, options?: { readonly budget?: BudgetLike }): CrossThreadArena {
    const where = 'CrossThreadArena.attach';
    const given = checkCrossHandle(where, handle);
    const { budget } = checkOptions(where, options, ['budget']);
    const { limitBytes, ...rest } = given.options;
    const ticket = new Ticket(Region.attach(given.ticket));
    try {
      const arena = new CrossThreadArena({
        ...rest,
        ...(limitBytes === null ? {} : { limitBytes }),
        ...(budget === undefined ? {} : { budget }),
      });
      try {
        arena.adopt(given);
        if (!ticket.take()) {
          throw memoryError('ERR_MEMORY_STALE_HANDLE', `${where}: the arena was taken by another thread, or revoked`, {
            source: arena.name,
          });
        }
      } catch (error) {
        arena.dispose();
        throw error;
      }
      return arena;
    } finally {
      ticket.close();
    }
  }

  /**
   * Gives the arena away. This side is closed at once: calls throw ERR_MEMORY_CLOSED and views read zeros.
   *
   * @throws ERR_MEMORY_IN_USE while memory is pinned, and in the first milliseconds after attach(), until the former
   *   owner has noticed; ERR_MEMORY_INVALID_STATE with an open scope. Still the owner then.
   */
  handOver(): PendingHandOver {
    this.needIdle('handOver');
    if (this.openScopes > 0) {
      throw memoryError('ERR_MEMORY_INVALID_STATE', 'CrossThreadArena.handOver: a scope is open', {
        source: this.name,
      });
    }
    if (this.log.count === 0) this.leaveAll();
    this.releaseFrom(this.at + 1); // chunks without blocks are not worth the way
    this.moveChunksAway();
    this.leaveChunk();
    const ticket = Ticket.make();
    const { plan, log } = this;
    const handle: CrossThreadArenaHandle = {
      type: 'nebula-memory.cross-thread-arena',
      version: 1,
      ticket: ticket.handle,
      chunks: this.order.map((chunk) => ({
        region: chunk.region.handle,
        base: chunk.base,
        usedBytes: chunk.usedBytes,
        usedBefore: chunk.usedBefore,
        firstEntry: chunk.firstEntry,
        hugeBytes: chunk.hugeBytes,
      })),
      starts: log.starts.slice(0, log.count),
      sizes: log.sizes.slice(0, log.count),
      freed: log.freed,
      options: {
        chunkBytes: plan.chunkBytes,
        growthFactor: plan.growthFactor,
        maxChunkBytes: plan.maxChunkBytes,
        limitBytes: plan.limitBytes,
        alignment: plan.alignment,
        zero: plan.zero,
        onReset: plan.onReset,
        stats: plan.stats,
        name: plan.name,
      },
    };
    const chunks: Chunk[] = this.order.splice(0);
    this.dispose();
    return new PendingHandOver(handle, ticket, () => {
      for (let chunk = chunks[0]; chunk !== undefined; chunk = chunks[0]) {
        this.store.release(chunk);
        chunks.shift();
      }
    });
  }

  /** As handOver(), but waits while the memory is in use. @throws ERR_MEMORY_IN_USE after `timeoutMs` (default 5 s) */
  async handOverWhenIdle(options?: { readonly timeoutMs?: number }): Promise<PendingHandOver> {
    const what = 'CrossThreadArena.handOverWhenIdle';
    const { timeoutMs = 5000 } = checkOptions(what, options, ['timeoutMs']);
    const end = systemClock.nowMs() + checkInteger(`${what}: timeoutMs`, timeoutMs);
    for (;;) {
      try {
        return this.handOver();
      } catch (error) {
        if (!isMemoryError(error, 'ERR_MEMORY_IN_USE') || systemClock.nowMs() >= end) throw error;
      }
      await sleep(5);
    }
  }

  private adopt({ chunks, starts, sizes, freed }: CrossThreadArenaHandle): void {
    const { log } = this;
    for (const traveling of chunks) {
      const region = Region.attach(traveling.region);
      let chunk: Chunk;
      try {
        if (traveling.usedBytes > region.byteLength) throw badChunk(traveling.usedBytes, region.byteLength);
        chunk = this.store.takeIn(region);
      } catch (error) {
        region.free();
        throw error;
      }
      chunk.base = traveling.base;
      chunk.usedBytes = traveling.usedBytes;
      chunk.usedBefore = traveling.usedBefore;
      chunk.firstEntry = traveling.firstEntry;
      chunk.hugeBytes = traveling.hugeBytes;
      this.order.push(chunk);
    }
    const entries = arrayLength(starts);
    log.starts = new Int32Array(Math.max(256, entries));
    log.sizes = new Int32Array(log.starts.length);
    log.starts.set(starts);
    log.sizes.set(sizes);
    log.count = entries;
    log.freed = freed;
    const last = this.order.length - 1;
    if (last >= 0) this.unfold(last, this.order[last] as Chunk);
  }
}

function badChunk(usedBytes: number, byteLength: number): Error {
  return memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `CrossThreadArena.attach: the handle says that ${usedBytes} bytes are in use of a chunk of ${byteLength}`,
    { hint: 'Post arena.handOver().handle to the thread as it is.' },
  );
}
