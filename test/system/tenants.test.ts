import { setTimeout as delay } from 'node:timers/promises';
import { PageProvider } from '../../lib/allocators';
import { MemoryBudget } from '../../lib/budgets';
import { Region } from '../../lib/platform';
import { ByteLimit } from '../../lib/tracking';
import { isEmptied } from '../support/emptied';
import { codeOf, KIB, MIB, small, thrown } from './support';

test('each has a limit, a heap and regions of its own', () => {
  const budget = new MemoryBudget('service', { limitBytes: '8MiB', quantumBytes: 1 });
  using system = small({ budget });
  const images = system.tenant('images', { limitBytes: '1MiB' });
  const uploads = system.tenant('uploads', { limitBytes: '2MiB', bytes: '64KiB' });
  const one = images.allocate(1000);
  const two = uploads.request('256KiB');
  expect([two.tier, images.usedBytes, uploads.usedBytes]).toEqual(['system', 1024, 256 * KIB]);
  expect(budget.usedBytes).toBe(1024 + 256 * KIB);
  expect(budget.stats().children.map(({ name, usedBytes }) => [name, usedBytes])).toEqual([
    ['images', 1024],
    ['uploads', 256 * KIB],
  ]);
  expect(thrown(() => images.allocate(MIB))).toMatchObject({
    code: 'ERR_MEMORY_BUDGET_EXCEEDED',
    source: 'service/images',
  });
  expect(images.tryAllocate(MIB)).toBe(-1);
  expect(images.tryRequest(MIB)).toBeNull();
  images.view(one, 1000).fill(5);
  images.free(one, 1000);
  two.free();
  expect([budget.usedBytes, images.stats().refusals]).toEqual([0, 3]);
  expect(system.stats().tenants.map(({ name, limitBytes }) => [name, limitBytes])).toEqual([
    ['images', MIB],
    ['uploads', 2 * MIB],
  ]);
});

test('a full tenant does not hold up another one, nor the system', () => {
  using system = small({ budget: { limitBytes: '8MiB' } });
  const greedy = system.tenant('greedy', { limitBytes: '1MiB' });
  const modest = system.tenant('modest', { limitBytes: '1MiB' });
  while (greedy.tryAllocate(10_000) !== -1);
  expect(codeOf(() => greedy.allocate(10_000))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
  modest.free(modest.allocate(500_000), 500_000);
  system.free(system.allocate(500_000), 500_000);
  expect(system.health().reasons).toEqual([expect.objectContaining({ source: 'tenant greedy', status: 'degraded' })]);
});

test("another's handle is foreign, the system may free all", () => {
  using system = small();
  const a = system.tenant('a', { limitBytes: '1MiB' });
  const b = system.tenant('b', { limitBytes: '1MiB' });
  const handle = a.allocate(100);
  expect(codeOf(() => b.free(handle, 100))).toBe('ERR_MEMORY_FOREIGN_FREE');
  expect(codeOf(() => b.view(handle, 100))).toBe('ERR_MEMORY_FOREIGN_FREE');
  expect(codeOf(() => a.free(system.allocate(10), 10))).toBe('ERR_MEMORY_FOREIGN_FREE');
  system.free(handle, 100);
  expect([a.usedBytes, codeOf(() => a.free(handle, 100))]).toEqual([0, 'ERR_MEMORY_DOUBLE_FREE']);
});

test('many tenants come and go: handles stay apart, with small numbers and with large ones', () => {
  const budget = new MemoryBudget('service', { limitBytes: '1GiB' });
  using system = small({ budget });
  const seen = new Set<number>();
  for (let round = 0; round < 60; round += 1) {
    const tenant = system.tenant(`t${round}`, { limitBytes: '64MiB' });
    const handles = [tenant.allocate(100), tenant.allocate(2000), tenant.allocate(500_000)];
    for (const handle of handles) {
      expect(seen.has(handle)).toBe(false);
      seen.add(handle);
      tenant.view(handle, 100).fill(round);
    }
    expect(tenant.usedBytes).toBe(112 + 2048 + 503_808);
    [100, 2000, 500_000].map((size, i) => tenant.free(handles[i] as number, size));
    expect([tenant.usedBytes, tenant.stats().liveBlocks]).toEqual([0, 0]);
    tenant.close();
    expect(codeOf(() => system.free(handles[0] as number, 100))).toBe('ERR_MEMORY_STALE_HANDLE');
  }
  expect([...seen].some((handle) => handle < 2 ** 31) && [...seen].some((handle) => handle > 2 ** 32)).toBe(true);
  expect(budget.usedBytes).toBe(0);
});

test('guard pages stand around its memory', () => {
  using system = small();
  system.start();
  const map = jest.spyOn(Region, 'map');
  const guarded = system.tenant('guarded', { limitBytes: '1MiB', bytes: '64KiB', guardPages: true });
  using lease = guarded.request(5000);
  using large = guarded.request('128KiB');
  lease.view().fill(1);
  large.view().fill(1);
  const made = map.mock.calls.filter(([bytes]) => Number(bytes) >= 64 * KIB);
  expect(made.map(([, options]) => options?.guard)).toEqual([true, true]);
  map.mockRestore();
  expect([guarded.guardPages, guarded.stats().guardPages]).toEqual([true, true]);
  expect(codeOf(() => system.tenant('x', { limitBytes: 5000, guardPages: true, provider: new PageProvider() }))).toBe(
    'ERR_MEMORY_INVALID_ARGUMENT',
  );
});

test('names that are too long, and allocators that cannot be registered, leave nothing mapped', () => {
  using provider = new PageProvider();
  const budget = new MemoryBudget('service', { limitBytes: '64MiB' });
  using system = small({ budget });
  const limits = { limitBytes: '1MiB', provider } as const;
  for (const length of [193, 197, 200]) {
    expect(codeOf(() => system.tenant('x'.repeat(length), limits))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  }
  const longest = system.tenant('x'.repeat(192), limits);
  longest.request('512KiB').free();
  longest.request(2 * MIB - MIB - 4096).free(); // a region of its own
  longest.close();
  const { manager } = system as unknown as { manager: { enter(): void } };
  const enter = jest.spyOn(manager, 'enter').mockImplementation(() => {
    throw new RangeError('no more');
  });
  expect(() => system.tenant('t', limits)).toThrow('no more');
  enter.mockRestore();
  expect([provider.stats().liveRegions, budget.stats().children.length, system.tenants()]).toEqual([0, 0, []]);
  system.tenant('t', limits).close();
});

test('adaptors and presets go around its heap', () => {
  using system = small();
  const tenant = system.tenant('watched', {
    limitBytes: '1MiB',
    preset: 'debug',
    adaptors: [{ kind: 'tracked', level: 'paranoid' }],
  });
  const handle = tenant.allocate(100);
  expect(tenant.view(handle, 100)[99]).toBe(0xaa);
  expect(codeOf(() => tenant.free(handle, 101))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  tenant.free(handle, 100);
});

test('closing wants its blocks back, or force; its limit goes back to the system', () => {
  const budget = new MemoryBudget('service', { limitBytes: '4MiB' });
  using system = small({ budget });
  const tenant = system.tenant('t', { limitBytes: '3MiB', guaranteedBytes: '3MiB' });
  expect(codeOf(() => system.tenant('more', { limitBytes: '2MiB', guaranteedBytes: '2MiB' }))).toBe(
    'ERR_MEMORY_BUDGET_EXCEEDED',
  );
  expect(system.getTenant('more')).toBeUndefined();
  const lease = tenant.request(5000);
  const view = lease.view().fill(1);
  const handle = tenant.allocate(100);
  const error = thrown(() => tenant.close());
  expect(error).toMatchObject({ code: 'ERR_MEMORY_IN_USE', source: 't' });
  expect(error.message).toContain('2 blocks');
  tenant.close({ force: true });
  tenant.close();
  tenant[Symbol.dispose]();
  expect([isEmptied(view), budget.usedBytes, budget.stats().children.length]).toEqual([true, 0, 0]);
  expect(codeOf(() => lease.free())).toBe('ERR_MEMORY_STALE_HANDLE');
  lease[Symbol.dispose]();
  expect(codeOf(() => system.free(handle, 100))).toBe('ERR_MEMORY_STALE_HANDLE');
  for (const work of [
    () => tenant.allocate(1),
    () => tenant.request(1),
    () => tenant.run(() => 1),
    () => tenant.tryAllocate(1),
  ]) {
    expect(codeOf(work)).toBe('ERR_MEMORY_CLOSED');
  }
  expect(system.stats().holders).toEqual([]);
  system.tenant('t', { limitBytes: '3MiB', guaranteedBytes: '3MiB' });
});

test('a budget that is used for something else is told at closing, and it can be closed again', () => {
  using system = small({ budget: { limitBytes: '4MiB' } });
  const tenant = system.tenant('t', { limitBytes: '1MiB' });
  tenant.budget.reserve(100);
  expect(codeOf(() => tenant.close())).toBe('ERR_MEMORY_IN_USE');
  tenant.budget.release(100);
  tenant.close();
  expect(tenant.budget.state).toBe('released');
});

test.each([
  ['no limit', {}],
  ['a limit of 0', { limitBytes: 0 }],
  ['a misspelt option', { limitBytes: 5000, guardpages: true }],
  ['guardPages that are no boolean', { limitBytes: 5000, guardPages: 1 }],
  ['a guarantee above the limit', { limitBytes: 5000, guaranteedBytes: 6000 }],
  ['a heap of 1 byte', { limitBytes: 5000, bytes: 1 }],
  ['a priority that is none', { limitBytes: 5000, priority: 'hi' }],
  ['an adaptor that is none', { limitBytes: 5000, adaptors: ['trackd'] }],
])('refuses %s, with nothing left behind', (_, options) => {
  using system = small({ budget: { limitBytes: '4MiB' } });
  expect(codeOf(() => system.tenant('t', options as never))).toMatch(/^ERR_MEMORY_(INVALID_ARGUMENT|OUT_OF_RANGE)$/);
  expect((system.budget as MemoryBudget).stats().children).toEqual([]);
  expect(codeOf(() => system.tenant('', { limitBytes: 5000 }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  system.tenant('t', { limitBytes: 5000 });
  expect(codeOf(() => system.tenant('t', { limitBytes: 5000 }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});

test('a budget without children, or none, will do', () => {
  const limit = new ByteLimit('64KiB');
  using system = small({ budget: limit });
  const a = system.tenant('a', { limitBytes: '1MiB' });
  const handle = a.allocate(40 * KIB);
  expect([limit.usedBytes, a.usedBytes]).toEqual([40 * KIB, 40 * KIB]);
  expect(codeOf(() => a.allocate(40 * KIB))).toMatch(/^ERR_MEMORY/);
  expect([a.tryAllocate(40 * KIB), a.tryAllocate(30 * KIB), a.budget.usedBytes]).toEqual([-1, -1, 40 * KIB]);
  a.free(handle, 40 * KIB);
  expect([limit.usedBytes, a.budget.usedBytes]).toEqual([0, 0]);
  expect(codeOf(() => system.tenant('b', { limitBytes: 5000, guaranteedBytes: 5000 }))).toBe(
    'ERR_MEMORY_INVALID_ARGUMENT',
  );
  using free = small();
  const own = free.tenant('own', { limitBytes: '64KiB' });
  expect(codeOf(() => own.allocate(65 * KIB))).toBe('ERR_MEMORY_TOO_LARGE');
});

describe('contexts', () => {
  test('scope tenant, priority and name over awaits; tasks at the same time do not see each other', async () => {
    using system = small();
    const a = system.tenant('a', { limitBytes: '1MiB' });
    const b = system.tenant('b', { limitBytes: '1MiB' });
    const task = (tenant: typeof a, name: string) =>
      system.run({ tenant, name }, async () => {
        for (let i = 0; i < 4; i += 1) {
          await delay(1);
          system.request(100);
          system.tryRequest(100);
          await system.acquire(100);
        }
      });
    const both = Promise.all([task(a, 'first'), task(b, 'second')]);
    expect(system.request(100, { name: 'outside' }).tier).toBe('stack');
    await both;
    expect([a.stats().liveBlocks, b.stats().liveBlocks]).toEqual([12, 12]);
    expect(system.stats().holders).toEqual([
      { name: 'first', tenant: 'a', leases: 12, bytes: 1200 },
      { name: 'second', tenant: 'b', leases: 12, bytes: 1200 },
      { name: 'outside', tenant: null, leases: 1, bytes: 100 },
    ]);
    system.dispose();
  });

  test('nest: what is left out stays', () => {
    using system = small();
    const a = system.tenant('a', { limitBytes: '1MiB' });
    a.run(() =>
      system.run({ name: 'inner' }, () => {
        system.request(10);
        system.run({ tenant: 'a', name: 'innermost' }, () => system.request(10));
        // The number form is the system's own.
        system.free(system.allocate(10), 10);
      }),
    );
    expect(system.stats().holders.map(({ name, tenant }) => [name, tenant])).toEqual([
      ['inner', 'a'],
      ['innermost', 'a'],
    ]);
  });

  test.each([
    ['a tenant that is not there', { tenant: 'nobody' }],
    ['a tenant of another system', 'other'],
    ['a misspelt key', { tennant: 'a' }],
    ['a priority that is none', { priority: -1 }],
    ['an empty name', { name: '' }],
  ])('refuse %s', (_, context) => {
    using system = small();
    using other = small();
    const foreign = other.tenant('a', { limitBytes: 5000 });
    system.tenant('a', { limitBytes: 5000 });
    const given = context === 'other' ? { tenant: foreign } : context;
    expect(codeOf(() => system.run(given as never, () => 1))).toMatch(/^ERR_MEMORY_(INVALID_ARGUMENT|OUT_OF_RANGE)$/);
    expect(codeOf(() => system.run({}, 5 as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  test('a tenant that was closed meanwhile is told', () => {
    using system = small();
    const a = system.tenant('a', { limitBytes: '1MiB' });
    a.run(() => {
      a.close();
      expect(codeOf(() => system.request(10))).toBe('ERR_MEMORY_CLOSED');
    });
  });
});
