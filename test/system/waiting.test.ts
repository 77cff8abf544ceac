import { setTimeout as delay } from 'node:timers/promises';
import { MemoryBudget, SharedBudget } from '../../lib/budgets';
import { FakeTime, KIB, small, turns } from './support';

// acquire() of a tenant whose limit lies below a budget that knows no children.

/** A budget that lets one wait, and does not know children. */
function outerBudget(limitBytes: number) {
  const timers = new FakeTime();
  const inner = new MemoryBudget('outer', { limitBytes, quantumBytes: 1, timers });
  const outer = {
    name: 'outer',
    inner,
    timers,
    waits: [] as unknown[],
    get usedBytes() {
      return inner.usedBytes;
    },
    reserve: (bytes: number) => inner.reserve(bytes),
    tryReserve: (bytes: number) => inner.tryReserve(bytes),
    release: (bytes: number) => inner.release(bytes),
    acquire: (bytes: number, options: object) => {
      outer.waits.push(options);
      return inner.acquire(bytes, options);
    },
  };
  return outer;
}

function below(limitBytes: number = 64 * KIB) {
  const outer = outerBudget(limitBytes);
  const system = small({ budget: outer });
  const tenant = system.tenant('t', { limitBytes: '64KiB' });
  const acquire = (size: number, options = {}) => system.run({ tenant }, () => system.acquire(size, options));
  return { outer, system, tenant, acquire };
}

test('it waits at a shared budget', async () => {
  const shared = SharedBudget.create(`system-waiting-${process.pid}`, { limitBytes: '1MiB' });
  const system = small({ budget: shared });
  const tenant = system.tenant('t', { limitBytes: '1MiB' });
  const held = system.request(800 * KIB);
  const waiting = system.run({ tenant }, () => system.acquire(700 * KIB, { deadlineMs: '150s' }));
  await turns();
  held.free();
  const lease = await waiting;
  expect([tenant.budget.usedBytes, shared.usedBytes]).toEqual([700 * KIB, 700 * KIB]);
  lease.free();
  expect([tenant.budget.usedBytes, shared.usedBytes]).toEqual([0, 0]);
  await system.shutdown({ deadlineMs: 0 });
  shared.close();
});

test('it waits at its own limit first, and at the outer one for what is left of the time', async () => {
  const { outer, system, tenant, acquire } = below();
  const own = tenant.request(60 * KIB);
  const waiting = acquire(32 * KIB, { deadlineMs: 600_000, priority: 'high' });
  await delay(5);
  expect([outer.waits, tenant.budget.stats().waiting]).toEqual([[], 1]);
  own.free();
  const other = system.request(40 * KIB);
  await turns();
  expect(outer.waits).toEqual([{ deadlineMs: expect.any(Number), priority: 75, signal: expect.any(AbortSignal) }]);
  const [{ deadlineMs }] = outer.waits as [{ deadlineMs: number }];
  expect(deadlineMs).toBeLessThan(600_000);
  expect(deadlineMs).toBeGreaterThan(300_000);
  expect(outer.inner.stats().waiting).toBe(1);
  other.free();
  (await waiting).free();
  expect([tenant.budget.usedBytes, outer.usedBytes, system.stats().chargedBytes]).toEqual([0, 0, 0]);
  system.dispose();
});

test.each([
  ['its deadline', 'ERR_MEMORY_TIMEOUT'],
  ['its signal', 'ERR_MEMORY_ABORTED'],
  ['the end of the tenant', 'ERR_MEMORY_CLOSED'],
  ['the end of the tenant in the moment of its turn', 'ERR_MEMORY_CLOSED'],
  ['the end of the system', 'ERR_MEMORY_CLOSED'],
])('%s ends the wait at the outer one, and nothing stays reserved', async (which, code) => {
  const { outer, system, tenant, acquire } = below();
  const other = system.request(40 * KIB);
  const controller = new AbortController();
  const waiting = acquire(32 * KIB, {
    signal: controller.signal,
    ...(which === 'its deadline' ? { deadlineMs: '1h' } : {}),
  });
  const refused = expect(waiting).rejects.toMatchObject({ code });
  await turns();
  expect([tenant.budget.usedBytes, outer.inner.stats().waiting]).toEqual([32 * KIB, 1]);
  if (which === 'its deadline') outer.timers.advance(3_600_000);
  if (which === 'its signal') controller.abort();
  if (which === 'the end of the tenant in the moment of its turn') other.free();
  if (which.startsWith('the end of the tenant')) tenant.close();
  if (which === 'the end of the system') system.dispose();
  await refused;
  if (!other.freed && which !== 'the end of the system') other.free();
  expect([tenant.budget.usedBytes, outer.usedBytes, outer.inner.stats().waiting]).toEqual([0, 0, 0]);
  system.dispose();
});

describe('blocks that take more than their size says', () => {
  const LIMIT = 100 * KIB;

  function guarded() {
    const budget = new MemoryBudget('b', { limitBytes: LIMIT, quantumBytes: 1 });
    const pool = { bytes: '1MiB', maxBytes: '1MiB', upToBytes: '512KiB', adaptors: ['guarded'] } as const;
    const system = small({ budget, stack: false, pool });
    const refusals: string[] = [];
    system.observe((event) => void refusals.push(event.kind), ['refusal']);
    budget.reserve(LIMIT);
    return { budget, system, refusals };
  }

  test('wait for the rest as well, holding nothing meanwhile', async () => {
    const { budget, system, refusals } = guarded();
    const waiting = system.acquire(40 * KIB, { deadlineMs: '150s' });
    await turns();
    budget.release(40 * KIB); // what the size says
    await turns();
    expect([budget.usedBytes, budget.stats().waiting]).toEqual([60 * KIB, 1]);
    budget.release(60 * KIB);
    const lease = await waiting;
    expect(budget.usedBytes).toBeGreaterThan(40 * KIB);
    expect([system.stats().refusals, refusals, budget.usedBytes]).toEqual([0, [], system.stats().chargedBytes]);
    lease.free();
    expect([budget.usedBytes, system.stats().chargedBytes]).toEqual([0, 0]);
    system.dispose();
  });

  test('no longer than the deadline allows', async () => {
    const { budget, system } = guarded();
    const waiting = system.acquire(40 * KIB, { deadlineMs: 40 });
    const refused = expect(waiting).rejects.toMatchObject({ code: 'ERR_MEMORY_TIMEOUT' });
    await turns();
    budget.release(40 * KIB);
    await refused;
    expect([budget.usedBytes, system.stats().liveBlocks]).toEqual([60 * KIB, 0]);
    system.dispose();
  });

  test('and not at all where the limit has no room for it', async () => {
    const { budget, system } = guarded();
    budget.release(LIMIT);
    await expect(system.acquire(LIMIT, { deadlineMs: '150s' })).rejects.toMatchObject({ code: 'ERR_MEMORY_TOO_LARGE' });
    expect([budget.usedBytes, system.stats().liveBlocks]).toEqual([0, 0]);
    system.dispose();
  });
});

test('a grant that is none leaves nothing reserved', async () => {
  const { outer, system, tenant, acquire } = below();
  outer.acquire = async () => undefined as never;
  await expect(acquire(8 * KIB)).rejects.toThrow(TypeError);
  expect([tenant.budget.usedBytes, outer.usedBytes]).toEqual([0, 0]);
  system.dispose();
});

test('below a budget that lets nobody wait it waits at its own limit only', async () => {
  const { acquire: _, ...outer } = outerBudget(64 * KIB);
  const system = small({ budget: outer });
  const tenant = system.tenant('t', { limitBytes: '32KiB' });
  const acquire = (size: number) => system.run({ tenant }, () => system.acquire(size, { deadlineMs: '150s' }));
  const own = tenant.request(20 * KIB);
  const waiting = acquire(32 * KIB);
  await turns();
  own.free();
  const lease = await waiting;
  expect([tenant.budget.usedBytes, outer.inner.usedBytes]).toEqual([32 * KIB, 32 * KIB]);
  lease.free();
  using _held = system.request(60 * KIB);
  await expect(acquire(8 * KIB)).rejects.toMatchObject({ code: 'ERR_MEMORY_BUDGET_EXCEEDED' });
  expect(tenant.budget.usedBytes).toBe(0);
});
