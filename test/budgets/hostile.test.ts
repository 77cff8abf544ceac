import { MemoryBudget } from '../../lib/budgets';
import { refusal } from '../tracking/support/refusals';

describe('what a caller passes', () => {
  test.each([{}, { aborted: false }, 5, 'signal'])(
    'a signal that is none is refused, and nobody waits: %p',
    async (signal) => {
      const budget = new MemoryBudget('b', { limitBytes: 100 });
      const held = await budget.acquire(100);
      await expect(budget.acquire(10, { signal: signal as never })).rejects.toMatchObject({
        code: 'ERR_MEMORY_INVALID_ARGUMENT',
      });
      expect(budget.stats().waiting).toBe(0);
      held.cancel();
      const next = await budget.acquire(100); // nobody stands before it
      next.cancel();
      budget.close();
    },
  );

  test('a deadline of more days than a timer can count does not pass at once', async () => {
    const budget = new MemoryBudget('b', { limitBytes: 100 });
    const held = budget.reservation(100, { expiresMs: '30d' });
    const waiting = budget.acquire(10, { deadlineMs: '40d' });
    let refused: unknown;
    waiting.catch((error) => {
      refused = error;
    });
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(refused).toBeUndefined();
    expect(held.state).toBe('held');
    held.cancel();
    (await waiting).cancel();
  });
});

describe('a policy that throws', () => {
  test('fails who asks, never who releases', async () => {
    let broken = false;
    const policy = {
      name: 'broken',
      allowance: () => {
        if (broken) throw new Error('policy');
        return Number.POSITIVE_INFINITY;
      },
    };
    const root = new MemoryBudget('root', { limitBytes: 100, policy });
    const a = root.child('a', { quantumBytes: 1 });
    const b = root.child('b', { quantumBytes: 1 });
    a.reserve(100);
    const waiting = b.acquire(50);
    const answer = waiting.then(
      () => 'granted',
      (error: Error) => error.message,
    );
    broken = true;
    a.release(100); // done: the policy's error is the waiter's
    expect(await answer).toBe('policy');
    expect(a.usedBytes).toBe(0);
    expect(root.stats().waiting + b.stats().waiting).toBe(0);
    broken = false;
    b.reserve(100);
    b.release(100);
  });
});

describe('a policy that answers nonsense', () => {
  test.each([Number.NaN, undefined, '50', {}])('%p is refused, and nothing is counted', (answer) => {
    const root = new MemoryBudget('root', {
      limitBytes: 100,
      policy: { name: 'odd', allowance: () => answer as number },
    });
    const child = root.child('c', { quantumBytes: 1 });
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => child.reserve(10));
    expect([root.usedBytes, root.stats().heldBytes, child.stats().heldBytes]).toEqual([0, 100, 0]);
    child.close();
    root.close();
  });

  test('one that reserves meanwhile, which it must not, takes no byte twice', () => {
    let hostile = (): void => {};
    const policy = {
      name: 'reserving',
      allowance: () => {
        hostile();
        return Number.POSITIVE_INFINITY;
      },
    };
    const root = new MemoryBudget('root', { limitBytes: 100, policy });
    const child = root.child('c', { quantumBytes: 1 });
    child.reserve(20);
    child.release(20);
    let taken = 0;
    hostile = () => {
      hostile = () => {};
      if (child.tryReserve(2)) taken += 2;
    };
    const granted = child.tryReserve(60) ? 60 : 0;
    expect(child.usedBytes).toBe(taken + granted);
    const { heldBytes, usedBytes } = child.stats();
    expect(heldBytes).toBeGreaterThanOrEqual(usedBytes);
    child.release(taken + granted);
    child.close();
    expect(root.tryReserve(100)).toBe(true);
  });
});

describe('a reclaimer that ends the very reservation that asks', () => {
  const tree = () => {
    const budget = new MemoryBudget('b', { limitBytes: 100 });
    const other = budget.reservation(60);
    return { budget, other };
  };

  test.each(['claim', 'grow', 'tryGrow'] as const)('%s: stale, and not a byte is lost', (call) => {
    const { budget, other } = tree();
    const mine = budget.reservation(call === 'claim' ? 80 : 40, { mode: 'elastic' });
    budget.addReclaimer({
      name: 'hostile',
      reclaimableBytes: () => 60,
      reclaim: () => {
        mine.cancel();
        other.cancel();
        return 60;
      },
    });
    refusal('ERR_MEMORY_STALE_HANDLE', () => mine[call](40));
    expect([mine.bytes, mine.state, budget.usedBytes]).toEqual([0, 'canceled', 0]);
    budget.close();
  });
});
