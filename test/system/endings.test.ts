import { MemoryBudget } from '../../lib/budgets';
import { MemorySystem, watchConfig } from '../../lib/system';
import { codeOf, FakeTime, small, turns } from './support';

// Whoever ends something in the middle of somebody else's call.

test('a target that disposes the system while it looks for room: nothing is given back twice', () => {
  const budget = new MemoryBudget('b', { limitBytes: '1GiB' });
  budget.reserve(500_000); // somebody else's
  const target = { name: 'hostile', reclaimableBytes: () => 1000, reclaim: () => end() };
  const end = (): number => {
    system.dispose();
    return 1000;
  };
  const system: MemorySystem = new MemorySystem({
    ...{ budget, stack: false, arena: false, pool: false, system: { maxBytes: '64KiB' } },
    reclaimables: [target],
  }).start();
  for (let i = 0; i < 100 && system.state === 'running'; i += 1) system.tryAllocate(4096);
  expect([system.state, budget.usedBytes, system.stats().chargedBytes]).toEqual(['stopped', 500_000, 0]);
});

test('a budget of the caller that refuses what a tenant gives back: its own count stays right', () => {
  let refuses = false;
  let used = 0;
  const budget = {
    name: 'foreign',
    reserve: (bytes: number) => void (used += bytes),
    tryReserve: (bytes: number) => {
      used += bytes;
      return true;
    },
    release: (bytes: number) => {
      if (refuses) throw new Error('not now');
      used -= bytes;
    },
  };
  using system = small({ budget });
  const tenant = system.tenant('t', { limitBytes: '1MiB' });
  const blocks = [0, 1, 2].map(() => tenant.allocate(1024));
  refuses = true;
  tenant.free(blocks[0] as number, 1024);
  refuses = false;
  tenant.free(blocks[1] as number, 1024);
  expect([tenant.budget.usedBytes, used]).toEqual([1024, 1024]);
  tenant.free(blocks[2] as number, 1024);
  expect([tenant.budget.usedBytes, used]).toEqual([0, 0]);
});

test('a tenant that could not be closed whole serves nobody who waits either', async () => {
  const system = small({ budget: new MemoryBudget('b', { limitBytes: '1GiB' }) });
  const tenant = system.tenant('t', { limitBytes: '1MiB' });
  tenant.budget.reserve(100);
  await system.run({ tenant }, async () => {
    expect(codeOf(() => tenant.close())).toBe('ERR_MEMORY_IN_USE');
    expect(codeOf(() => system.request(10))).toBe('ERR_MEMORY_CLOSED');
    await expect(system.acquire(10)).rejects.toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
  });
  tenant.budget.release(100);
  system.dispose();
});

test('a system that drains lets nobody begin to wait', async () => {
  const budget = new MemoryBudget('b', { limitBytes: '64KiB' });
  using system = small({ budget });
  const lease = system.request('64KiB');
  const drained = system.drain();
  await expect(system.acquire(4096)).rejects.toMatchObject({ code: 'ERR_MEMORY_INVALID_STATE' });
  lease.free();
  await drained;
});

test('what a tenant lost when it was closed by force is nobody’s any more', () => {
  using system = small();
  const tenant = system.tenant('t', { limitBytes: '1MiB' });
  tenant.request(100, { name: 'leak' });
  tenant.close({ force: true });
  expect(system.stats().holders).toEqual([]);
});

test('plugins hear of the end once, also when dispose() overtakes shutdown()', async () => {
  let told = 0;
  let settle = (): void => {};
  const plugin = {
    name: 'slow',
    onShutdown: () => {
      told += 1;
      return new Promise<void>((resolve) => {
        settle = resolve;
      });
    },
  };
  const system = small({ plugins: [plugin], timers: new FakeTime() }).start();
  const ended = system.shutdown().catch(() => {});
  await turns();
  system.dispose();
  settle();
  await ended;
  expect(told).toBe(1);
});

test('a watch that cannot begin leaves none behind', () => {
  let watched = 0;
  let asked = 0;
  const watchFile = () => {
    asked += 1;
    if (asked === 2) throw new Error('no more watches');
    watched += 1;
    return () => void (watched -= 1);
  };
  expect(() => watchConfig({ env: {}, watchFile, readFile: () => null })).toThrow();
  expect([asked, watched]).toEqual([2, 0]);
});
