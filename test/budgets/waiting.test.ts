import { setMaxListeners } from 'node:events';
import { MemoryBudget } from '../../lib/budgets';
import { checkTree, codeOf, FakeTime } from './support';

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('MemoryBudget.acquire', () => {
  it('waits until there is room, in the order of arrival', async () => {
    const budget = new MemoryBudget('x', { limitBytes: 100 });
    budget.reserve(100);
    const served: number[] = [];
    const all = [60, 10, 30].map(async (bytes) => {
      const got = await budget.acquire(bytes);
      served.push(bytes);
      return got;
    });
    await settle();
    budget.release(59);
    await settle();
    expect([served, budget.tryReserve(1), budget.stats().waiting]).toEqual([[], false, 3]); // nobody overtakes the large one
    budget.release(41);
    const got = await Promise.all(all);
    expect(served).toEqual([60, 10, 30]);
    for (const reservation of got) reservation.cancel();
    expect(budget.stats()).toMatchObject({ usedBytes: 0, waiting: 0 });
  });

  it('serves higher priorities first', async () => {
    const budget = new MemoryBudget('x', { limitBytes: 10 });
    const first = await budget.acquire(10);
    const served: string[] = [];
    const wait = (name: string, priority: number) =>
      budget.acquire(10, { priority }).then((got) => {
        served.push(name);
        got.cancel();
      });
    const all = [wait('low', 10), wait('high', 90), wait('middle', 50), wait('high too', 90)];
    first.cancel();
    await Promise.all(all);
    expect(served).toEqual(['high', 'high too', 'middle', 'low']);
  });

  it('waits at the level that is short, and does not hold up other branches', async () => {
    const root = new MemoryBudget('root', { limitBytes: 100, quantumBytes: 1 });
    const small = root.child('small', { limitBytes: 10, quantumBytes: 1 });
    const other = root.child('other', { quantumBytes: 1 });
    small.reserve(10);
    const waiting = small.acquire(10);
    await settle();
    expect(other.tryReserve(50)).toBe(true);
    const atRoot = other.acquire(50);
    await settle();
    expect(root.tryReserve(1)).toBe(false);
    small.release(10);
    const got = await waiting;
    got.cancel();
    (await atRoot).cancel();
    other.release(50);
    expect(root.usedBytes).toBe(0);
    checkTree(root);
  });

  it('gives up at the deadline, with the numbers, and lets those behind it through', async () => {
    const timers = new FakeTime();
    const budget = new MemoryBudget('x', { limitBytes: 100, timers });
    budget.reserve(50);
    const large = budget.acquire(80, { deadlineMs: '2s' });
    const small = budget.acquire(40);
    const outcome = large.catch((error) => error);
    timers.advance(1999);
    expect(budget.stats().waiting).toBe(2);
    timers.advance(1);
    expect(await outcome).toMatchObject({ code: 'ERR_MEMORY_TIMEOUT', requestedBytes: 80, limitBytes: 100 });
    (await small).cancel();
    expect([budget.usedBytes, timers.pending]).toEqual([50, 0]);
  });

  it('obeys an AbortSignal, before and while it waits', async () => {
    const budget = new MemoryBudget('x', { limitBytes: 1 });
    budget.reserve(1);
    const controller = new AbortController();
    const waiting = budget.acquire(1, { signal: controller.signal }).catch((error) => error);
    controller.abort(new Error('enough'));
    expect(await waiting).toMatchObject({ code: 'ERR_MEMORY_ABORTED', cause: new Error('enough') });
    await expect(budget.acquire(1, { signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_MEMORY_ABORTED',
    });
    expect(budget.stats().waiting).toBe(0);
  });

  it('refuses at once what can never be served, and everybody when it closes', async () => {
    const root = new MemoryBudget('root', { limitBytes: 10 });
    const child = root.child('child');
    await expect(child.acquire(11)).rejects.toMatchObject({ code: 'ERR_MEMORY_TOO_LARGE' });
    root.reserve(10);
    const waiting = child.acquire(5).catch((error) => error);
    await settle();
    child.close();
    expect(await waiting).toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
    root.release(10);
    expect(root.tryReserve(10)).toBe(true);
  });

  it('refuses who waits for more than a limit that is lowered, here and below, and serves those behind', async () => {
    const root = new MemoryBudget('root', { limitBytes: 100, quantumBytes: 1 });
    const child = root.child('child', { quantumBytes: 1 });
    root.reserve(50);
    const large = child.acquire(90).catch((error) => error);
    const small = child.acquire(30);
    root.resize(80);
    expect(await large).toMatchObject({ code: 'ERR_MEMORY_TOO_LARGE', limitBytes: 80 });
    expect((await small).bytes).toBe(30);
    checkTree(root);
  });

  it('refuses at once who asks for what is guaranteed to others, and counts what is guaranteed to it', async () => {
    const root = new MemoryBudget('root', { limitBytes: 100, quantumBytes: 1 });
    const sure = root.child('sure', { guaranteedBytes: 40 });
    const other = root.child('other', { quantumBytes: 1 });
    root.reserve(1); // for good
    await expect(other.acquire(61)).rejects.toMatchObject({ code: 'ERR_MEMORY_TOO_LARGE', source: 'root' });
    await expect(root.acquire(61)).rejects.toMatchObject({ code: 'ERR_MEMORY_TOO_LARGE' });
    (await sure.acquire(99)).cancel();
    sure.close();
    (await other.acquire(99)).cancel();
    expect([root.tree.waiting, root.promised]).toEqual([0, 0]);
    checkTree(root);
  });

  it('lets nobody be held up by one who waits for the policy only', async () => {
    const root = new MemoryBudget('root', { limitBytes: 100, policy: 'fairShare', quantumBytes: 1 });
    const [a, b] = [root.child('a', { quantumBytes: 1 }), root.child('b', { quantumBytes: 1 })];
    b.reserve(10);
    a.reserve(50);
    const more = a.acquire(20); // its share is 50 while b is active
    expect(b.tryReserve(30)).toBe(true); // there is room, and b may have it
    const late = b.acquire(10);
    expect((await late).bytes).toBe(10);
    expect(codeOf(() => a.reserve(5))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    b.release(50); // idle now: the whole is a's share
    expect((await more).bytes).toBe(20);
    expect(root.tree.waiting).toBe(0);
    checkTree(root);
  });

  it('refuses who asks for what the policy never gives, once nothing is in use', async () => {
    const root = new MemoryBudget('root', { limitBytes: 100, policy: 'priority', quantumBytes: 1 });
    const low = root.child('low', { priority: 10, quantumBytes: 1 });
    const high = root.child('high', { priority: 90, quantumBytes: 1 });
    await expect(low.acquire(81)).rejects.toMatchObject({ code: 'ERR_MEMORY_TOO_LARGE', source: 'root' });
    high.reserve(10);
    const vain = low.acquire(81).catch((error) => error);
    const possible = low.acquire(80);
    await settle();
    expect(root.tree.waiting).toBe(2);
    high.release(10);
    expect(await vain).toMatchObject({ code: 'ERR_MEMORY_TOO_LARGE' });
    expect((await possible).bytes).toBe(80);
    checkTree(root);
  });

  it('serves a hundred thousand in order, and forgets those who gave up behind a stuck one', async () => {
    const budget = new MemoryBudget('x', { limitBytes: 10 });
    const first = await budget.acquire(10);
    let last = -1;
    let ordered = true;
    const all: Promise<void>[] = [];
    for (let i = 0; i < 100_000; i += 1) {
      all.push(
        budget.acquire(10).then((got) => {
          ordered &&= last === i - 1;
          last = i;
          got.cancel();
        }),
      );
    }
    first.cancel();
    await Promise.all(all);
    expect([ordered, last, budget.usedBytes]).toEqual([true, 99_999, 0]);

    budget.reserve(10);
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    const stuck = budget.acquire(10);
    const gone = Array.from({ length: 1000 }, () => budget.acquire(1, { signal: controller.signal }).catch(() => null));
    controller.abort();
    await Promise.all(gone);
    expect(budget.waiters.size).toBeLessThan(200);
    budget.release(10);
    (await stuck).cancel();
  });
});
