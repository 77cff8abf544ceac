import { PageProvider } from '../../lib/allocators';
import { MemoryBudget } from '../../lib/budgets';
import type { MemoryLease, MemorySystem, SystemOptions } from '../../lib/system';
import { chargeOf } from '../../lib/system/tiers/charge';
import { codeOf, KIB, MIB, small } from './support';

// A budget is charged what a block takes, and not only what its size says.

function system(limitBytes: number, options: SystemOptions = {}): { budget: MemoryBudget; made: MemorySystem } {
  const budget = new MemoryBudget('b', { limitBytes });
  return { budget, made: small({ budget, ...options }) };
}

/** As many leases as there is room for. */
function fill(made: MemorySystem, byteLength: number, alignment: number): MemoryLease[] {
  const leases: MemoryLease[] = [];
  for (;;) {
    const lease = made.tryRequest(byteLength, { alignment });
    if (lease === null) return leases;
    leases.push(lease);
  }
}

const used = (made: MemorySystem): number => made.stats().tiers.reduce((sum, { usedBytes }) => sum + usedBytes, 0);

describe.each([
  ['the heap', { stack: false }],
  ['the stack', {}],
  ['an arena', { stack: false, pool: false }],
  ['the system', { stack: false, pool: false, arena: false }],
] as [string, SystemOptions][])('alignment in %s', (_, options) => {
  test.each([
    [16, 4096],
    [16, 64],
    [100, 1024],
    [3000, 4096],
    [4096, 4096],
  ])('%i bytes at %i never take more than the limit', (byteLength, alignment) => {
    const { budget, made } = system(512 * KIB, options);
    const leases = fill(made, byteLength, alignment);
    expect(leases.length).toBeGreaterThan(0);
    expect(used(made)).toBeLessThanOrEqual(budget.usedBytes);
    expect(budget.usedBytes).toBeLessThanOrEqual(512 * KIB);
    const half = leases.splice(0, leases.length / 2);
    for (const lease of half) lease.free();
    for (const lease of leases.reverse()) lease.free();
    expect([budget.usedBytes, made.stats().chargedBytes, made.stats().liveBlocks]).toEqual([0, 0, 0]);
    made.dispose();
  });
});

test('in a bump tier what lies between blocks of mixed alignments is charged to the later one', () => {
  const { budget, made } = system(MIB, { stack: false, pool: false });
  const leases: MemoryLease[] = [];
  for (let i = 0; i < 50; i += 1) {
    leases.push(made.request(16), made.request(4096, { alignment: 4096 }));
    expect(used(made)).toBeLessThanOrEqual(budget.usedBytes);
  }
  for (const lease of leases) lease.free();
  expect(budget.usedBytes).toBe(0);
  made.dispose();
});

describe('the serving tier', () => {
  test('a block of a pool is charged whole', () => {
    const pool = { bytes: '1MiB', classes: [{ blockBytes: 1024, blocks: 64 }] };
    const { budget, made } = system(MIB, { stack: false, pool, arena: false });
    const handles = Array.from({ length: 10 }, () => made.allocate(513));
    expect(budget.usedBytes).toBe(10 * 1024);
    expect(made.allocate(100)).toBeGreaterThan(0); // of the heap
    expect(budget.usedBytes).toBe(10 * 1024 + chargeOf(100));
    for (const handle of handles) made.free(handle, 513);
    expect(budget.usedBytes).toBe(chargeOf(100));
    made.dispose();
    expect(budget.usedBytes).toBe(0);
  });

  test('a region of the system is charged whole', () => {
    const { budget, made } = system(MIB, { stack: false, pool: false, arena: false });
    const handle = made.allocate(16);
    expect(budget.usedBytes).toBe(4096);
    made.free(handle, 16);
    expect(budget.usedBytes).toBe(0);
    const large = made.allocate(16_385); // which takes less of a heap
    expect([chargeOf(16_385), budget.usedBytes]).toEqual([18_432, 20_480]);
    made.free(large, 16_385);
    expect(fill(made, 16, 16)).toHaveLength(256);
    made.dispose();
  });

  test('what is not to be had in whole is taken back', () => {
    const pool = { bytes: '1MiB', classes: [{ blockBytes: 4096, blocks: 4 }] };
    const { budget, made } = system(3000, { stack: false, pool, arena: false, system: false });
    expect(codeOf(() => made.allocate(2500))).toMatch(/TOO_LARGE|BUDGET_EXCEEDED/);
    expect([budget.usedBytes, made.stats().liveBlocks, made.stats().chargedBytes]).toEqual([0, 0, 0]);
    made.dispose();
  });

  test('a tenant pays as well', () => {
    const { budget, made } = system(MIB);
    const tenant = made.tenant('t', { limitBytes: 64 * KIB });
    const leases: MemoryLease[] = [];
    for (let lease = tenant.tryRequest(16, { alignment: 4096 }); lease !== null; ) {
      leases.push(lease);
      lease = tenant.tryRequest(16, { alignment: 4096 });
    }
    expect([leases.length, tenant.usedBytes, budget.usedBytes]).toEqual([16, 64 * KIB, 64 * KIB]);
    leases.pop()?.free();
    expect(tenant.usedBytes).toBe(60 * KIB);
    tenant.close({ force: true });
    expect(budget.usedBytes).toBe(0);
    made.dispose();
  });

  test('one that waited is charged what it takes', async () => {
    const { budget, made } = system(MIB, { stack: false });
    using lease = await made.acquire(16, { alignment: 4096 });
    expect([lease.byteLength, budget.usedBytes]).toEqual([16, 4096]);
    await expect(made.acquire(16, { alignment: 3 })).rejects.toMatchObject({ code: 'ERR_MEMORY_INVALID_ALIGNMENT' });
    lease.free();
    expect(budget.usedBytes).toBe(0);
    made.dispose();
  });
});

test('a free that is refused keeps the charge', () => {
  const { budget, made } = system(MIB, { stack: false, pool: false, arena: false });
  const handle = made.allocate(16);
  expect(codeOf(() => made.free(handle, 4096))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(codeOf(() => made.free(handle, 17))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(budget.usedBytes).toBe(4096);
  made.free(handle, 16);
  expect(budget.usedBytes).toBe(0);
  made.dispose();
});

test('a budget that refuses the rest, and one that throws it, leave nothing behind', () => {
  let left = 1;
  let error: unknown = new Error('no');
  let taken = 0;
  const budget = {
    name: 'mine',
    reserve(bytes: number) {
      if (left-- === 0) throw error;
      taken += bytes;
    },
    tryReserve: () => false,
    release: (bytes: number) => void (taken -= bytes),
  };
  const made = small({ budget, stack: false, pool: false, arena: false, system: { provider: new PageProvider() } });
  expect(() => made.allocate(16)).toThrow('no');
  expect([taken, made.stats().liveBlocks]).toEqual([0, 0]);
  left = 1;
  error = Object.assign(new Error('full'), { category: 'exhausted' });
  expect(made.tryAllocate(16)).toBe(-1);
  expect([taken, made.stats().liveBlocks]).toEqual([0, 0]);
  left = 2;
  const handle = made.allocate(16);
  expect(taken).toBe(4096);
  made.free(handle, 16);
  expect(taken).toBe(0);
  made.dispose();
});

test.each([
  ['grants', false],
  ['refuses', true],
])('a budget that ends the system and then %s the rest is charged nothing', (_, refuses) => {
  let taken = 0;
  let calls = 0;
  const budget = {
    name: 'mine',
    reserve(bytes: number) {
      calls += 1;
      if (calls === 2) made.dispose();
      if (calls === 2 && refuses) throw Object.assign(new Error('full'), { category: 'exhausted' });
      taken += bytes;
    },
    tryReserve: () => false,
    release: (bytes: number) => void (taken -= bytes),
  };
  const made = small({ budget, stack: false, pool: false, arena: false });
  expect(() => made.allocate(16)).toThrow(refuses ? 'full' : 'no tier has room');
  expect([calls, taken, made.state]).toEqual([2, 0, 'stopped']);
});
