import { type BudgetReclaimer, MemoryBudget } from '../../lib/budgets';
import { checkTree, codeOf } from './support';

/** A cache of which everything can be had back. */
class FakeCache implements BudgetReclaimer {
  asked: number[] = [];
  private held = 0;
  readonly name: string;
  readonly priority: number;
  private readonly budget: MemoryBudget;

  constructor(budget: MemoryBudget, bytes: number, priority = 50) {
    this.name = `cache of ${budget.name}`;
    this.priority = priority;
    this.budget = budget;
    budget.reserve(bytes);
    this.held = bytes;
    budget.addReclaimer(this);
  }

  reclaimableBytes(): number {
    return this.held;
  }

  reclaim(targetBytes: number): number {
    this.asked.push(targetBytes);
    const bytes = Math.min(targetBytes, this.held);
    this.held -= bytes;
    this.budget.release(bytes);
    return bytes;
  }
}

describe('reclaimers of a MemoryBudget', () => {
  it('are asked before a reservation fails, the least important first and only as far as needed', () => {
    const root = new MemoryBudget('root', { limitBytes: 100, quantumBytes: 1 });
    const late = new FakeCache(root.child('late', { quantumBytes: 1 }), 40, 80);
    const early = new FakeCache(root.child('early', { quantumBytes: 1 }), 40, 10);
    const worker = root.child('worker', { quantumBytes: 1 });
    worker.reserve(20);
    expect([late.asked, early.asked]).toEqual([[], []]);
    worker.reserve(30);
    expect([late.asked, early.asked.length]).toEqual([[], 1]);
    worker.reserve(50);
    expect([late.reclaimableBytes(), early.reclaimableBytes()]).toEqual([0, 0]);
    expect(codeOf(() => worker.reserve(1))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    expect(worker.stats().reclaimedBytes).toBe(80);
    checkTree(root);
  });

  it('are left alone outside of the branch that is short', () => {
    const root = new MemoryBudget('root', { limitBytes: 100, quantumBytes: 1 });
    const other = new FakeCache(root.child('other'), 40);
    const small = root.child('small', { limitBytes: 10 });
    small.reserve(10);
    expect(small.tryReserve(1)).toBe(false);
    expect(other.asked).toEqual([]);
  });

  it('that throw or lie do no harm: the next one is asked', () => {
    const root = new MemoryBudget('root', { limitBytes: 100 });
    const bad = (reclaim: () => number): BudgetReclaimer => ({
      name: 'bad',
      priority: 0,
      reclaimableBytes: () => 1000,
      reclaim,
    });
    root.addReclaimer(bad(() => 1000));
    root.addReclaimer(
      bad(() => {
        throw new Error('broken');
      }),
    );
    root.addReclaimer({ name: 'worse', reclaim: () => 0, reclaimableBytes: () => Number.NaN });
    new FakeCache(root, 100);
    root.reserve(50);
    expect(root.stats()).toMatchObject({ usedBytes: 100, reclaimFailures: 1 });
  });

  it('that reserve while they reclaim get what is free, and no second round', () => {
    const root = new MemoryBudget('root', { limitBytes: 100 });
    const seen: unknown[] = [];
    root.addReclaimer({
      name: 'greedy',
      reclaimableBytes: () => 1,
      reclaim: () => {
        seen.push(
          root.tryReserve(1),
          codeOf(() => root.reserve(1)),
        );
        return 0;
      },
    });
    root.reserve(100);
    expect(root.tryReserve(10)).toBe(false);
    expect(seen).toEqual([false, 'ERR_MEMORY_BUDGET_EXCEEDED']);
    checkTree(root);
  });

  it('that take their time serve those who wait, and are not asked twice meanwhile', async () => {
    const root = new MemoryBudget('root', { limitBytes: 100 });
    root.reserve(100);
    let rounds = 0;
    let finish = (): void => {};
    root.addReclaimer({
      name: 'slow',
      reclaimableBytes: () => 100,
      reclaim: async (target) => {
        rounds += 1;
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        root.release(target);
        return target;
      },
    });
    const waiting = root.acquire(30);
    expect(root.tryReserve(5)).toBe(false);
    await Promise.resolve();
    expect(rounds).toBe(1);
    finish();
    expect((await waiting).bytes).toBe(30);
    checkTree(root);
  });

  it('can be removed', () => {
    const root = new MemoryBudget('root', { limitBytes: 10 });
    const remove = root.addReclaimer({ name: 'x', reclaimableBytes: () => 10, reclaim: () => 0 });
    expect(root.reclaimableBytes()).toBe(10);
    remove();
    expect(root.reclaimableBytes()).toBe(0);
    for (const bad of [null, {}, { name: 'x' }, { name: '', reclaim: () => 0, reclaimableBytes: () => 0 }]) {
      expect(codeOf(() => root.addReclaimer(bad as unknown as BudgetReclaimer))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
  });
});
