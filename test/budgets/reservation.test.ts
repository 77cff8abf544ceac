import { currentBudget, MemoryBudget, withBudget } from '../../lib/budgets';
import { codeOf, FakeTime } from './support';

describe('Reservation', () => {
  const make = (limitBytes = 100) => {
    const timers = new FakeTime();
    return { timers, budget: new MemoryBudget('x', { limitBytes, timers }) };
  };

  it('grows, shrinks, splits, and gives back what it has', () => {
    const { budget } = make();
    const held = budget.reservation(40);
    held.grow(20);
    expect(held.tryGrow(41)).toBe(false);
    held.shrink(10);
    const half = held.split(25);
    expect([held.bytes, half.bytes, budget.usedBytes]).toEqual([25, 25, 50]);
    half.cancel();
    held[Symbol.dispose]();
    held[Symbol.dispose]();
    expect([budget.usedBytes, held.state, half.state]).toEqual([0, 'canceled', 'canceled']);
    for (const call of [() => held.grow(1), () => held.claim(), () => held.cancel(), () => held.split(1)]) {
      expect(codeOf(call)).toBe('ERR_MEMORY_STALE_HANDLE');
    }
  });

  it('keeps what it has when it cannot do more', () => {
    const { budget } = make();
    const held = budget.reservation(60);
    expect(codeOf(() => held.grow(41))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    expect(codeOf(() => held.shrink(61))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => held.split(61))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => held.grow(0))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect([held.bytes, budget.usedBytes]).toEqual([60, 60]);
  });

  it('leaves its bytes charged when claimed, once', () => {
    const { budget } = make();
    const held = budget.reservation(60);
    expect(held.claim()).toBe(60);
    held[Symbol.dispose]();
    expect(budget.usedBytes).toBe(60);
    expect(codeOf(() => held.claim())).toBe('ERR_MEMORY_STALE_HANDLE');
    budget.release(60);
  });

  it('expires and gives its bytes back; a claim comes too late then', () => {
    const { budget, timers } = make();
    const held = budget.reservation(60, { expiresMs: 500 });
    const claimed = budget.reservation(10, { expiresMs: 500 });
    claimed.claim();
    timers.advance(500);
    expect([held.state, held.bytes, budget.usedBytes, timers.pending]).toEqual(['expired', 0, 10, 0]);
    expect(codeOf(() => held.claim())).toBe('ERR_MEMORY_STALE_HANDLE');
  });

  it('takes its bytes now, partly now, or at the claim', () => {
    const { budget } = make();
    budget.reserve(70);
    expect(codeOf(() => budget.reservation(40))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    const elastic = budget.reservation(40, { mode: 'elastic' });
    const effort = budget.reservation(20, { mode: 'bestEffort' });
    expect([elastic.bytes, effort.bytes, budget.usedBytes]).toEqual([30, 0, 100]);
    expect(codeOf(() => elastic.claim())).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    budget.release(30);
    expect([elastic.claim(), effort.claim(), budget.usedBytes]).toEqual([40, 20, 100]);
  });
});

describe('withBudget', () => {
  it('holds for everything asynchronous that starts inside', async () => {
    const [outer, inner] = ['outer', 'inner'].map((name) => new MemoryBudget(name, { limitBytes: 1 }));
    if (!outer || !inner) throw new Error('unreachable');
    expect(currentBudget()).toBeUndefined();
    await withBudget(outer, async () => {
      await Promise.resolve();
      expect(currentBudget()).toBe(outer);
      withBudget(inner, () => expect(currentBudget()).toBe(inner));
      await new Promise((resolve) => setImmediate(resolve));
      expect(currentBudget()).toBe(outer);
    });
    expect(codeOf(() => withBudget({} as MemoryBudget, () => 1))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });
});
