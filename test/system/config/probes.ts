import { BlockAllocator } from '../../../lib/allocators';
import { Arena, StreamingArena, ThreadSafeArena } from '../../../lib/arenas';
import { MemoryBudget } from '../../../lib/budgets';
import type { Allocator, Timers } from '../../../lib/core';
import { AllocatorFactory } from '../../../lib/manager';
import type { Region } from '../../../lib/platform';
import type { ConfigPath, MemoryConfig } from '../../../lib/system/config';
import { type LeakReport, TrackedAllocator } from '../../../lib/tracking';
import { isEmptied } from '../../support/emptied';
import { MONITOR_PROBES } from './monitor-probes';
import type { Probe } from './probe';
import { SYSTEM_PROBES } from './system-probes';

const KIB = 1024;
const MIB = KIB * KIB;

type Parts = Parameters<MemoryConfig['toProviderDescription']>[0];

/** A provider of the configuration, while it lives. */
function withProvider<T>(work: (acquire: () => Region, provider: Cached) => T, config: MemoryConfig, parts?: Parts): T {
  using factory = new AllocatorFactory();
  const provider = factory.provider(config.toProviderDescription(parts)) as unknown as Cached;
  const taken: Region[] = [];
  const acquire = (): Region => {
    const region = provider.acquire(64 * KIB);
    taken.push(region);
    return region;
  };
  try {
    return work(acquire, provider);
  } finally {
    for (const region of taken) if (region.state !== 'freed') provider.release(region);
  }
}

interface Cached {
  acquire(bytes: number): Region;
  release(region: Region): void;
  stats(): { readonly cachedBytes?: number };
}

function asked(config: MemoryConfig): Region['placement']['asked'] {
  return withProvider((acquire) => acquire().placement.asked, config);
}

function withAllocator<T>(config: MemoryConfig, work: (allocator: Allocator) => T): T {
  using factory = new AllocatorFactory();
  const allocator = factory.create(config.toAllocatorDescription());
  try {
    return work(allocator);
  } finally {
    allocator[Symbol.dispose]();
  }
}

function outcome(work: () => unknown): string {
  try {
    work();
    return 'done';
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

/** A byte in front of or behind a block, past its view. */
function poke(view: Uint8Array, distance: number): void {
  new Uint8Array(view.buffer, view.byteOffset + distance, 1)[0] = 1;
}

function withArena<T>(config: MemoryConfig, work: (arena: Arena) => T): T {
  using arena = new Arena(config.toArenaOptions());
  return work(arena);
}

function withStream<T>(config: MemoryConfig, work: (stream: StreamingArena) => T): T {
  using stream = new StreamingArena(config.get('arena.bufferBytes'), config.toStreamingOptions());
  return work(stream);
}

function withPool<T>(config: MemoryConfig, work: (pool: BlockAllocator) => T): T {
  using pool = new BlockAllocator(config.toBlockOptions());
  return work(pool);
}

function takeAll(pool: BlockAllocator): number {
  let count = 0;
  while (pool.tryAllocate(1) !== -1) count += 1;
  return count;
}

const PARTS = { heapBytes: 0, externalBytes: 0, arrayBuffersBytes: 0, otherBytes: 0 };

/** A container of 1 GiB with nothing in it. */
export const MACHINE = {
  limits: { effectiveBytes: 1024 * MIB, throttle: null, detail: 'a test' },
  heapLimitBytes: 0,
  processMemory: { breakdown: PARTS },
} as unknown as NonNullable<Parameters<MemoryConfig['createBudget']>[1]>;

function rootOf(config: MemoryConfig): MemoryBudget {
  return config.createBudget('root', MACHINE);
}

/** A budget whose timers are only noted. */
function noted(): { budget: MemoryBudget; delays: number[] } {
  const delays: number[] = [];
  const timers: Timers = { start: (_, delayMs) => delays.push(delayMs), stop: () => {} };
  return { budget: new MemoryBudget('timed', { limitBytes: 1, timers }), delays };
}

const TRACKED = { stats: { level: 'paranoid' } } as const;
const GUARDED = { allocator: { guard: true } } as const;
const BUMP = { allocator: { kind: 'bump' } } as const;

/** What a tracker tells of allocations from three places. */
function trackedOf(config: MemoryConfig): { level: string; report: LeakReport } {
  return withAllocator(config, (allocator) => {
    if (!(allocator instanceof TrackedAllocator)) throw new Error('nothing is tracked');
    allocator.allocate(16);
    allocator.allocate(16);
    allocator.allocate(16);
    const told = { level: allocator.level, report: allocator.leaks() };
    allocator.reset();
    return told;
  });
}

/** One probe for every field: the type says when one is missing. */
export const PROBES: Readonly<Record<ConfigPath, Probe>> = {
  ...MONITOR_PROBES,
  ...SYSTEM_PROBES,
  'provider.pages': { sample: 'thp', see: (config) => asked(config).pages, seen: 'thp' },
  'provider.carrier': { sample: 'shared', see: (config) => asked(config).carrier, seen: 'shared' },
  'provider.populate': { sample: true, see: (config) => asked(config).populate, seen: true },
  'provider.lock': { sample: true, see: (config) => asked(config).lock, seen: true },
  'provider.strict': {
    sample: true,
    // More pages of this size than any machine of ours has.
    beside: { provider: { pages: '1GiB', maxCachedBytes: 0 } },
    see: (config) => outcome(() => withProvider((acquire) => acquire(), config)),
    seen: 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE',
  },
  'provider.maxCachedBytes': {
    sample: 64 * KIB,
    see: (config) =>
      withProvider((acquire, provider) => {
        for (const region of [acquire(), acquire(), acquire()]) provider.release(region);
        return provider.stats().cachedBytes;
      }, config),
    seen: 64 * KIB,
  },
  'provider.decayMs': {
    sample: '5s',
    see: (config) => {
      let nowMs = 0;
      let tick = (): void => {};
      const timer = (work: () => void) => {
        tick = work;
        return () => {};
      };
      const look = (acquire: () => Region, provider: Cached) => {
        provider.release(acquire());
        for (nowMs = 0; nowMs <= 6000; nowMs += 100) tick();
        return provider.stats().cachedBytes;
      };
      return withProvider(look, config, { clock: { nowMs: () => nowMs }, timer });
    },
    seen: 0,
  },
  'provider.reuse': {
    sample: 'fast',
    see: (config) =>
      withProvider((acquire, provider) => {
        const region = acquire();
        const former = region.bytes;
        provider.release(region);
        acquire().bytes.fill(7);
        return former[0] === 7; // the next holder's
      }, config),
    seen: true,
  },
  'provider.zero': {
    sample: false,
    see: (config) =>
      withProvider((acquire, provider) => {
        const region = acquire();
        region.bytes[5] = 77;
        provider.release(region);
        return acquire().bytes[5];
      }, config),
    seen: 77,
  },
  'allocator.kind': {
    sample: 'stack',
    see: (config) => withAllocator(config, (allocator) => allocator.constructor.name),
    seen: 'StackAllocator',
  },
  'allocator.capacityBytes': {
    sample: '1MiB',
    beside: BUMP,
    see: (config) => withAllocator(config, (allocator) => allocator.capacityBytes),
    seen: MIB,
  },
  'allocator.maxAllocationBytes': {
    sample: '1KiB',
    see: (config) =>
      withAllocator(config, (allocator) => [allocator.tryAllocate(1024), allocator.tryAllocate(1025)][1]),
    seen: -1,
  },
  'allocator.allocFill': {
    sample: 0x5a,
    see: (config) => withAllocator(config, (allocator) => allocator.view(allocator.allocate(64), 64)[40]),
    seen: 0x5a,
  },
  'allocator.freeFill': {
    sample: 0xd0,
    see: (config) =>
      withAllocator(config, (allocator) => {
        const offset = allocator.allocate(64);
        const view = allocator.view(offset, 64);
        allocator.deallocate(offset, 64);
        return view[40];
      }),
    seen: 0xd0,
  },
  'allocator.exactFrees': {
    sample: true,
    see: (config) =>
      withAllocator(config, (allocator) => outcome(() => allocator.deallocate(allocator.allocate(60), 61))),
    seen: 'ERR_MEMORY_INVALID_ARGUMENT',
  },
  'allocator.guard': {
    sample: true,
    see: (config) =>
      withAllocator(config, (allocator) => {
        const offset = allocator.allocate(64);
        poke(allocator.view(offset, 64), 66);
        return outcome(() => allocator.deallocate(offset, 64));
      }),
    seen: 'ERR_MEMORY_CORRUPTION',
  },
  'allocator.guardBytes': {
    sample: 256,
    beside: GUARDED,
    see: (config) =>
      withAllocator(config, (allocator) => {
        const offset = allocator.allocate(64);
        poke(allocator.view(offset, 64), 264);
        return outcome(() => allocator.deallocate(offset, 64));
      }),
    seen: 'ERR_MEMORY_CORRUPTION',
  },
  'allocator.quarantineBytes': {
    sample: 0,
    beside: GUARDED,
    see: (config) =>
      withAllocator(config, (allocator) => {
        const offset = allocator.allocate(64);
        allocator.deallocate(offset, 64);
        return allocator.allocate(64) === offset;
      }),
    seen: true,
  },
  'pool.blockBytes': { sample: '128B', see: (config) => withPool(config, (pool) => pool.blockBytes), seen: 128 },
  'pool.blocks': { sample: 8, see: (config) => withPool(config, (pool) => pool.stats().reservedBytes), seen: 32 * KIB },
  'pool.growBlocks': {
    sample: 4,
    see: (config) =>
      withPool(config, (pool) => {
        for (let block = 0; block <= 256; block += 1) pool.allocate(1);
        return pool.stats().reservedBytes;
      }),
    seen: 260 * 4 * KIB,
  },
  'pool.maxBytes': { sample: '2MiB', see: (config) => withPool(config, takeAll), seen: 512 },
  'arena.chunkBytes': {
    sample: '128KiB',
    see: (config) => withArena(config, (arena) => [arena.allocate(1), arena.stats().reservedBytes][1]),
    seen: 128 * KIB,
  },
  'arena.growthFactor': {
    sample: 4,
    see: (config) =>
      withArena(config, (arena) =>
        [...[1, 64 * KIB].map((size) => arena.allocate(size)), arena.stats().reservedBytes].at(-1),
      ),
    seen: 5 * 64 * KIB,
  },
  'arena.maxChunkBytes': {
    sample: '64KiB',
    see: (config) =>
      withArena(config, (arena) =>
        [...[1, 64 * KIB].map((size) => arena.allocate(size)), arena.stats().reservedBytes].at(-1),
      ),
    seen: 2 * 64 * KIB,
  },
  'arena.limitBytes': {
    sample: '64KiB',
    see: (config) => withArena(config, (arena) => [arena.allocate(1), arena.tryAllocate(64 * KIB)][1]),
    seen: -1,
  },
  'arena.alignment': {
    sample: 256,
    see: (config) => withArena(config, (arena) => arena.allocate(1) * 0 + (arena.allocate(1) % 256)),
    seen: 0,
  },
  'arena.zero': {
    sample: true,
    see: (config) =>
      withArena(config, (arena) => {
        arena.view(arena.allocate(64), 64).fill(9);
        arena.reset();
        return arena.view(arena.allocate(64), 64)[40];
      }),
    seen: 0,
  },
  'arena.onReset': {
    sample: 'detach',
    see: (config) =>
      withArena(config, (arena) => {
        const view = arena.view(arena.allocate(64), 64).fill(9);
        arena.reset();
        return isEmptied(view);
      }),
    seen: true,
  },
  'arena.segmentBytes': {
    sample: '16KiB',
    see: (config) => {
      using arena = ThreadSafeArena.create(1, config.toThreadSafeArenaOptions());
      return arena.capacityBytes;
    },
    seen: 16 * KIB,
  },
  'arena.bufferBytes': {
    sample: '8KiB',
    see: (config) => withStream(config, (stream) => stream.bufferBytes),
    seen: 8 * KIB,
  },
  'arena.buffers': { sample: 3, see: (config) => withStream(config, (stream) => stream.buffers), seen: 3 },
  'arena.onRelease': {
    sample: 'detach',
    see: (config) =>
      withStream(config, (stream) => {
        const lease = stream.tryAcquire();
        const view = lease?.buffer.fill(9);
        lease?.release();
        return view !== undefined && isEmptied(view);
      }),
    seen: true,
  },
  'budget.limitBytes': { sample: '128MiB', see: (config) => rootOf(config).limitBytes, seen: 128 * MIB },
  'budget.headroomRatio': { sample: '50%', see: (config) => rootOf(config).limitBytes, seen: 512 * MIB },
  'budget.policy': {
    sample: 'fairShare',
    see: (config) => {
      const root = rootOf(config);
      root.child('other').reserve(1);
      return root.child('greedy').tryReserve(700 * MIB);
    },
    seen: false,
  },
  'budget.quantumBytes': {
    sample: '4KiB',
    see: (config) => {
      const child = rootOf(config).child('child', config.toChildBudgetOptions());
      child.reserve(1);
      return child.stats().heldBytes;
    },
    seen: 4 * KIB,
  },
  'budget.childLimitBytes': {
    sample: '3MiB',
    see: (config) => rootOf(config).child('child', config.toChildBudgetOptions()).limitBytes,
    seen: 3 * MIB,
  },
  'budget.childGuaranteedBytes': {
    sample: '2MiB',
    see: (config) => rootOf(config).child('child', config.toChildBudgetOptions()).stats().guaranteedBytes,
    seen: 2 * MIB,
  },
  'budget.childPriority': {
    sample: 10,
    beside: { budget: { policy: 'priority' } },
    see: (config) => {
      const root = rootOf(config);
      root.child('other', { priority: 90 }).reserve(900 * MIB);
      return root.child('child', config.toChildBudgetOptions()).tryReserve(10 * MIB);
    },
    seen: false,
  },
  'budget.deadlineMs': {
    sample: '250ms',
    see: (config) => {
      const { budget, delays } = noted();
      budget.reserve(1);
      budget.acquire(1, config.toAcquireOptions()).catch(() => {});
      return delays;
    },
    seen: [250],
  },
  'budget.reservationMode': {
    sample: 'bestEffort',
    see: (config) => {
      const { budget } = noted();
      budget.reservation(1, config.toReservationOptions());
      return budget.usedBytes;
    },
    seen: 0,
  },
  'budget.reservationExpiresMs': {
    sample: '1min',
    see: (config) => {
      const { budget, delays } = noted();
      budget.reservation(1, config.toReservationOptions());
      return delays;
    },
    seen: [60_000],
  },
  'stats.counters': {
    sample: false,
    see: (config) =>
      withAllocator(config, (allocator) => {
        allocator.allocate(16);
        return allocator.stats().allocations;
      }),
    seen: 0,
  },
  'stats.level': { sample: 'paranoid', see: (config) => trackedOf(config).level, seen: 'paranoid' },
  'stats.sampleInterval': {
    sample: 7,
    beside: { stats: { level: 'simple' } },
    see: (config) => trackedOf(config).report.sampleInterval,
    seen: 7,
  },
  'stats.stackDepth': {
    sample: 2,
    beside: TRACKED,
    see: (config) => trackedOf(config).report.sites[0]?.frames.length,
    seen: 2,
  },
  'stats.maxSites': {
    sample: 1,
    beside: TRACKED,
    see: (config) => {
      const { sites } = trackedOf(config).report;
      return sites.filter(({ frames }) => frames[0]?.startsWith('(other places')).length;
    },
    seen: 1,
  },
};
