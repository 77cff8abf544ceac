// The parts that know all others: handles of many allocators, allocators from descriptions, and those who give memory back.
import { blockDriver, expectFilled, fill } from './blocks.mjs';

function managerDriver(world) {
  const { AllocatorManager, Arena, BlockAllocator, HeapAllocator, SystemAllocator } = world.lib;
  let manager = null;
  let live = [];
  let stale = [];
  let serial = 0;
  const makers = [
    () => new HeapAllocator('256KiB'),
    () => new BlockAllocator({ blockBytes: 1024, blocks: 64 }),
    () => new SystemAllocator({ maxBytes: '1MiB' }),
    () => new Arena('16KiB', { limitBytes: '512KiB' }),
  ];
  const look = ({ handle, bytes, mark }) => expectFilled(manager.view(handle, bytes), mark, 'manager');

  function take() {
    const bytes = 1 + (world.next() % 1000);
    const name = world.pick(manager.names());
    const handle = manager.withAllocator(name, () => manager.tryAllocate(bytes));
    if (handle === -1) return;
    if (manager.locate(handle)?.name !== name) throw new Error(`manager: a block of ${name} is not found there`);
    live.push({ handle, bytes, name, mark: serial });
    fill(manager.view(handle, bytes), serial++);
  }
  function leave(force) {
    const name = world.pick(manager.names());
    const blocks = live.filter((block) => block.name === name);
    blocks.forEach(look);
    manager.unregister(name, { force });
    if (blocks.length > 0 && !force) throw new Error(`manager: ${name} left with ${blocks.length} blocks`);
    live = live.filter((block) => block.name !== name);
    stale = [...stale, ...blocks].slice(-20);
  }
  const acts = [
    take,
    take,
    take,
    () => {
      if (live.length === 0) return;
      const at = world.next() % live.length;
      look(live[at]);
      manager.deallocate(live[at].handle, live[at].bytes);
      live.splice(at, 1);
    },
    () => {
      if (manager.names().length >= 5) return;
      const allocator = world.pick(makers)();
      manager.register(`allocator ${serial++}`, allocator, { owned: true });
    },
    () => {
      if (manager.names().length > 1 && world.chance(20)) leave(world.chance(50));
    },
    () => {
      if (stale.length === 0) return;
      const { handle, bytes } = world.pick(stale);
      try {
        manager.deallocate(handle, bytes);
      } catch (error) {
        if (error.code === 'ERR_MEMORY_STALE_HANDLE') return;
        throw error;
      }
      throw new Error('manager: a handle is good after its allocator has left');
    },
  ];
  return {
    step() {
      world.attempt(() => {
        if (manager === null) {
          const made = world.met(new AllocatorManager('soak'));
          made.register('first', new HeapAllocator('256KiB'), { owned: true });
          manager = made;
        } else world.pick(acts)();
      });
    },
    check() {
      if (manager === null) return;
      live.forEach(look);
      const { liveAllocations } = manager.stats().total;
      if (liveAllocations !== live.length)
        throw new Error(`manager: ${liveAllocations} blocks in the books, ${live.length} held`);
    },
    rest() {
      if (manager === null) return;
      this.check();
      manager.dispose();
      manager = null;
      live = [];
      stale = [];
    },
  };
}

const CACHED = { kind: 'heap', bytes: '512KiB', provider: { kind: 'page', cached: true } };

function factoryDriver(world) {
  const { AllocatorFactory } = world.lib;
  let factory = null;
  const kinds = [
    { kind: 'heap', bytes: '512KiB', preset: 'production' },
    CACHED,
    {
      kind: 'heap',
      bytes: '512KiB',
      provider: { kind: 'shared' },
      adaptors: ['guarded', { kind: 'tracked', level: 'simple' }],
    },
    { kind: 'system', adaptors: [{ kind: 'budgeted', limitBytes: '512KiB' }] },
    { kind: 'heap', bytes: '64KiB', adaptors: [{ kind: 'fallback', secondary: { kind: 'heap', bytes: '512KiB' } }] },
  ];
  return blockDriver(world, {
    what: 'factory',
    open() {
      factory ??= world.met(new AllocatorFactory());
      factory.create(CACHED)[Symbol.dispose](); // its provider keeps the memory until the factory goes
      return factory.create(world.pick(kinds));
    },
    sizeOf: () => 1 + (world.next() % 2000),
    most: 60,
    alignments: [1, 8],
    closed() {
      factory.dispose();
      factory = null;
    },
  });
}

/** Providers that keep regions, arenas with free chunks, and a hoard that is charged to a budget. */
function reclaimerDriver(world) {
  const { Arena, CachedProvider, MemoryBudget, Reclaimer } = world.lib;
  let reclaimer = null;
  let provider;
  let arena;
  let budget;
  let ends;
  const out = [];
  let hoard = 0;
  let used = 0;
  function open() {
    provider = new CachedProvider();
    arena = new Arena('16KiB', { limitBytes: '1MiB' });
    budget = new MemoryBudget('hoards', { limitBytes: 100_000 });
    reclaimer = world.met(new Reclaimer({ journalLength: 20 }));
    ends = [
      reclaimer.register(provider, { priority: 10, forBudgets: false }),
      reclaimer.register(arena, { forBudgets: false }),
      reclaimer.register({
        name: 'hoard',
        reclaimableBytes: () => hoard,
        reclaim(targetBytes) {
          if (world.chance(10)) throw new Error('as it should');
          const bytes = Math.min(hoard, targetBytes);
          hoard -= bytes;
          budget.release(bytes);
          reclaimer.reclaim(1); // within a round it does nothing
          return bytes;
        },
      }),
      reclaimer.attachBudget(budget),
    ];
  }
  const acts = [
    () => {
      for (let i = world.next() % 3; i >= 0; i--) out.push(provider.acquire(65_536));
    },
    () => {
      while (out.length > 0) {
        provider.release(out.at(-1));
        out.pop();
      }
    },
    () => {
      for (let i = 0; i < 5; i++) arena.tryAllocate(1 + (world.next() % 50_000));
      arena.reset();
    },
    () => {
      const bytes = 1 + (world.next() % 20_000);
      if (budget.tryReserve(bytes)) hoard += bytes;
    },
    () => {
      const bytes = 1 + (world.next() % 20_000);
      budget.reserve(bytes);
      used += bytes;
    },
    () => {
      budget.release(used);
      used = 0;
    },
    () => {
      const target = 1 + (world.next() % 300_000);
      reclaimer.reclaim(target, 'soak');
      if (reclaimer.journal().length > 20) throw new Error('reclaimer: its journal is too long');
    },
    () => {
      reclaimer.reclaim(Number.POSITIVE_INFINITY);
      const { failed } = reclaimer.journal().at(-1) ?? { failed: [] };
      if (failed.some((name) => name !== 'hoard') && !world.isArmed()) throw new Error(`reclaimer: ${failed} failed`);
      const { cachedBytes } = provider.stats();
      if (cachedBytes !== 0 && !world.isArmed())
        throw new Error(`reclaimer: ${cachedBytes} bytes are kept when all was asked for`);
    },
  ];
  const look = () => {
    if (budget.usedBytes !== hoard + used) {
      throw new Error(`reclaimer: ${budget.usedBytes} bytes are charged, ${hoard} and ${used} held`);
    }
  };
  return {
    step() {
      if (reclaimer === null) open();
      world.attempt(() => world.pick(acts)(), ['BUDGET_EXCEEDED']);
      look();
    },
    check() {},
    rest() {
      if (reclaimer === null) return;
      look();
      for (const end of ends) end();
      const { targets } = reclaimer.stats();
      if (targets !== 0) throw new Error(`reclaimer: ${targets} targets are left`);
      if (hoard + used > 0) budget.release(hoard + used);
      hoard = 0;
      used = 0;
      budget.close();
      arena[Symbol.dispose]();
      for (const region of out.splice(0)) provider.release(region);
      provider.trim();
      provider.dispose();
      reclaimer = null;
    },
  };
}

export const managerDrivers = [
  {
    name: 'manager',
    drives: ['AllocatorManager'],
    needs: ['HeapAllocator', 'BlockAllocator', 'SystemAllocator', 'Arena'],
    make: managerDriver,
  },
  { name: 'factory', drives: ['AllocatorFactory'], make: factoryDriver },
  {
    name: 'reclaimer',
    drives: ['Reclaimer'],
    needs: ['CachedProvider', 'Arena', 'MemoryBudget'],
    make: reclaimerDriver,
  },
];
