import { MemoryBudget } from '../../lib/budgets';
import { refusal } from '../tracking/support/refusals';
import { checkTree, FakeTime } from './support';

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

describe('whoever calls back in the middle', () => {
  test('closing serves none of those who wait here, and the tree keeps its limit', async () => {
    const root = new MemoryBudget('root', { limitBytes: 100 });
    const a = root.child('a', { quantumBytes: 1 });
    const b = root.child('b', { quantumBytes: 1 });
    b.reserve(90);
    const answers = [a.acquire(50), a.acquire(5)].map((wait) =>
      wait.then(
        () => 'granted',
        ({ code }: { code: string }) => code,
      ),
    );
    a.close();
    expect(await Promise.all(answers)).toEqual(['ERR_MEMORY_CLOSED', 'ERR_MEMORY_CLOSED']);
    expect([a.usedBytes, root.usedBytes, b.tryReserve(10), b.tryReserve(1)]).toEqual([0, 90, true, false]);
  });

  test('a policy that throws when the deadline has come: the wait ends all the same', async () => {
    const timers = new FakeTime();
    let broken = false;
    const policy = {
      name: 'broken',
      allowance: () => {
        if (broken) throw new Error('policy');
        return Number.POSITIVE_INFINITY;
      },
    };
    const root = new MemoryBudget('root', { limitBytes: 100, policy, timers });
    const [c, d] = ['c', 'd'].map((name) => root.child(name, { quantumBytes: 1 })) as [MemoryBudget, MemoryBudget];
    d.reserve(100);
    const wait = c.acquire(20, { deadlineMs: 5 });
    broken = true;
    timers.advance(5);
    await expect(wait).rejects.toMatchObject({ code: 'ERR_MEMORY_TIMEOUT' });
    expect([c.stats().waiting, root.tree.waiting, timers.pending]).toEqual([0, 0, 0]);
  });

  test('a policy that throws as somebody begins to wait: nobody is counted as waiting', async () => {
    const timers = new FakeTime();
    let calls = 0;
    let from = Number.POSITIVE_INFINITY;
    const policy = {
      name: 'broken',
      allowance: () => {
        calls += 1;
        if (calls >= from) throw new Error('policy');
        return Number.POSITIVE_INFINITY;
      },
    };
    const root = new MemoryBudget('root', { limitBytes: 100, policy, timers });
    const [c, d] = ['c', 'd'].map((name) => root.child(name, { quantumBytes: 1 })) as [MemoryBudget, MemoryBudget];
    d.reserve(100);
    for (let more = 1; more <= 4; more += 1) {
      from = calls + more;
      const wait = c.acquire(20, { deadlineMs: 5 }).catch((error: Error) => error.message);
      timers.advance(5);
      await wait;
      expect([c.stats().waiting, root.tree.waiting, timers.pending]).toEqual([0, 0, 0]);
      from = Number.POSITIVE_INFINITY;
    }
  });

  test('a reclaimer that takes the name of the child that is being made', () => {
    const root = new MemoryBudget('root', { limitBytes: 100 });
    root.reserve(90);
    root.addReclaimer({
      name: 'hostile',
      reclaimableBytes: () => 50,
      reclaim: () => {
        root.child('k');
        root.release(50);
        return 50;
      },
    });
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => root.child('k', { guaranteedBytes: 20 }));
    expect([root.stats().children.length, root.usedBytes, root.tryReserve(60)]).toEqual([1, 40, true]);
  });

  test.each(['tryReserve', 'reserve', 'acquire', 'child'] as const)(
    'a reclaimer that closes the budget that asks: %s is refused, and nothing leaves the tree',
    async (call) => {
      const root = new MemoryBudget('root', { limitBytes: 100 });
      const child = root.child('c');
      root.reserve(95);
      root.addReclaimer({
        name: 'hostile',
        reclaimableBytes: () => 90,
        reclaim: () => {
          child.close();
          root.release(90);
          return 90;
        },
      });
      const asks = {
        tryReserve: () => child.tryReserve(10),
        reserve: () => child.reserve(10),
        acquire: () => child.acquire(10),
        child: () => child.child('k', { guaranteedBytes: 10 }),
      };
      await expect((async () => asks[call]())()).rejects.toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
      expect([child.usedBytes, child.stats().heldBytes, child.stats().waiting, root.tree.waiting]).toEqual([
        0, 0, 0, 0,
      ]);
      root.release(5);
      expect(root.tryReserve(100)).toBe(true);
      checkTree(root);
    },
  );

  test('a reclaimer that closes the budget of the one who waits first', async () => {
    const root = new MemoryBudget('root', { limitBytes: 100, quantumBytes: 1 });
    const child = root.child('c', { quantumBytes: 1 });
    root.reserve(100);
    const first = child.acquire(10).catch(({ code }: { code: string }) => code);
    const second = root.acquire(20);
    root.addReclaimer({
      name: 'hostile',
      reclaimableBytes: () => 90,
      reclaim: () => {
        child.close();
        root.release(20);
        return 20;
      },
    });
    expect(await first).toBe('ERR_MEMORY_CLOSED');
    expect((await second).bytes).toBe(20);
    expect([child.stats().heldBytes, root.tree.waiting]).toEqual([0, 0]);
    checkTree(root);
  });

  test('a policy that closes the budget that asks: nothing leaves the tree', () => {
    let hostile = (): void => {};
    const policy = {
      name: 'closing',
      allowance: () => {
        hostile();
        return Number.POSITIVE_INFINITY;
      },
    };
    const root = new MemoryBudget('root', { limitBytes: 100, policy });
    const child = root.child('c', { quantumBytes: 1 });
    hostile = () => child.close();
    refusal('ERR_MEMORY_CLOSED', () => child.tryReserve(10));
    expect([child.stats().heldBytes, root.tryReserve(100)]).toEqual([0, true]);
    checkTree(root);
  });

  test.each(['abort', 'overtake'] as const)('a policy that lets the first who waits %s', async (what) => {
    let hostile = (): void => {};
    const policy = {
      name: 'hostile',
      allowance: () => {
        const now = hostile;
        hostile = () => {};
        now();
        return Number.POSITIVE_INFINITY;
      },
    };
    const root = new MemoryBudget('root', { limitBytes: 100, policy });
    const child = root.child('c', { quantumBytes: 1 });
    root.reserve(100);
    const stop = new AbortController();
    const codeOf = ({ code }: { code: string }) => code;
    const first = child.acquire(10, { signal: stop.signal }).then(({ bytes }) => bytes, codeOf);
    const second = child.acquire(20);
    let urgent: Promise<{ bytes: number }> | undefined;
    hostile = () => {
      if (what === 'abort') stop.abort();
      else urgent = root.acquire(70, { priority: 90 });
    };
    root.release(100);
    expect(await first).toBe(what === 'abort' ? 'ERR_MEMORY_ABORTED' : 10);
    expect([(await second).bytes, (await urgent)?.bytes]).toEqual([20, what === 'abort' ? undefined : 70]);
    const usedBytes = what === 'abort' ? 20 : 100;
    expect([root.usedBytes, root.tree.waiting, child.stats().waiting]).toEqual([usedBytes, 0, 0]);
    checkTree(root);
  });

  test('what never can be had is told as that, and no reclaimer is asked', () => {
    const root = new MemoryBudget('root', { limitBytes: 100 });
    root.child('own', { guaranteedBytes: 60 });
    const reclaim = jest.fn(() => 0);
    root.addReclaimer({ name: 'r', reclaimableBytes: () => 50, reclaim });
    refusal('ERR_MEMORY_TOO_LARGE', () => root.reserve(50));
    expect(reclaim).not.toHaveBeenCalled();
  });
});
