import { type BudgetReclaimer, MemoryBudget } from '../../lib/budgets';
import { checkTree, FakeTime } from './support';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Gives at most `step` bytes a call of the `have` that it holds of a budget. */
class Portions implements BudgetReclaimer {
  readonly name = 'portions';
  readonly asked: number[] = [];
  readonly step: number;
  pinned = false;
  have: number;
  private readonly budget: MemoryBudget;

  constructor(budget: MemoryBudget, have: number, step: number) {
    this.budget = budget;
    this.have = have;
    this.step = step;
    budget.reserve(have);
    budget.addReclaimer(this);
  }

  reclaimableBytes(): number {
    return this.pinned ? 0 : this.have;
  }

  reclaim(targetBytes: number): number | Promise<number> {
    this.asked.push(targetBytes);
    return this.give(targetBytes);
  }

  protected give(targetBytes: number): number {
    const bytes = Math.min(targetBytes, this.step, this.have);
    this.have -= bytes;
    if (bytes > 0) this.budget.release(bytes);
    return bytes;
  }
}

class SlowPortions extends Portions {
  override async reclaim(targetBytes: number): Promise<number> {
    this.asked.push(targetBytes);
    await turn();
    return this.give(targetBytes);
  }
}

async function passes(turns = 60): Promise<void> {
  for (let i = 0; i < turns; i += 1) await turn();
}

function full(limitBytes = 100): MemoryBudget {
  return new MemoryBudget('root', { limitBytes, quantumBytes: 1 });
}

describe('reclaimers while somebody waits', () => {
  it('one that takes its time is asked again for the next who waits', async () => {
    const root = full();
    const cache = new SlowPortions(root, 100, 10);
    let granted = 0;
    const all = Array.from({ length: 10 }, () => root.acquire(10).then(() => (granted += 1)));
    await passes();
    expect([granted, cache.have, root.stats().waiting]).toEqual([10, 0, 0]);
    await Promise.all(all);
    checkTree(root);
  });

  it('one that takes its time and gives little is asked again for the same one', async () => {
    const root = full();
    const cache = new SlowPortions(root, 100, 10);
    const wait = root.acquire(35);
    await passes();
    expect([cache.asked, root.stats().waiting]).toEqual([[35, 25, 15, 5], 0]);
    expect((await wait).bytes).toBe(35);
    expect(cache.have).toBe(65);
  });

  it('one that gives little at a call is asked on before a refusal, as long as it gives', () => {
    const root = full();
    const cache = new Portions(root, 60, 10);
    root.reserve(40);
    expect(root.tryReserve(35)).toBe(true);
    expect([cache.asked, cache.have, root.stats().reclaimedBytes]).toEqual([[35, 25, 15, 5], 25, 35]);
    expect(root.tryReserve(35)).toBe(false);
    expect([cache.asked.slice(4), cache.have, root.stats().reclaimedBytes]).toEqual([[35, 25, 15], 0, 60]);
  });

  it('one that had nothing at first is asked when another request meets the queue', async () => {
    const root = full();
    const cache = new Portions(root, 100, 100);
    cache.pinned = true;
    const served: number[] = [];
    const all = [40, 20].map((bytes) => root.acquire(bytes).then(() => served.push(bytes)));
    await passes(2);
    expect([served, cache.asked]).toEqual([[], []]);
    cache.pinned = false;
    expect(root.tryReserve(1)).toBe(true); // behind the two, who are served first
    await Promise.all(all);
    expect([served, cache.asked]).toEqual([
      [40, 20],
      [40, 20, 1],
    ]);
    expect(root.stats()).toMatchObject({ usedBytes: 100, waiting: 0, reclaimedBytes: 61 });
    checkTree(root);
  });

  it('nobody overtakes the first, even if there is room for the smaller one', async () => {
    const root = full();
    const cache = new Portions(root, 20, 10);
    root.reserve(80);
    cache.pinned = true;
    const first = root.acquire(50);
    cache.pinned = false;
    expect(root.tryReserve(5)).toBe(false); // 20 came back, and they are kept for the first
    expect([cache.have, root.usedBytes, root.stats().waiting]).toEqual([0, 80, 1]);
    root.release(30);
    expect((await first).bytes).toBe(50);
    checkTree(root);
  });

  it('are asked again when something was released that does not do', async () => {
    const root = full();
    const cache = new Portions(root, 50, 50);
    root.reserve(50);
    cache.pinned = true;
    const wait = root.acquire(30);
    cache.pinned = false;
    root.release(5);
    expect(cache.asked).toEqual([]); // not inside release(): whoever calls it may be at work on the cache
    expect((await wait).bytes).toBe(30);
    expect(cache.asked).toEqual([25]);
  });

  it('are asked for the next one when the first gives up', async () => {
    const timers = new FakeTime();
    const root = new MemoryBudget('root', { limitBytes: 100, timers });
    const cache = new Portions(root, 100, 100);
    cache.pinned = true;
    const stop = new AbortController();
    const first = root.acquire(60, { signal: stop.signal }).catch(() => 'gone');
    const second = root.acquire(30, { deadlineMs: 10 });
    cache.pinned = false;
    stop.abort();
    expect((await second).bytes).toBe(30);
    expect([await first, cache.asked, timers.pending]).toEqual(['gone', [30], 0]);
  });

  it('that come while somebody waits are asked', async () => {
    const root = full();
    root.reserve(100);
    const wait = root.acquire(10);
    await turn();
    const reclaim = jest.fn(() => {
      root.release(10);
      return 10;
    });
    root.addReclaimer({ name: 'late', reclaimableBytes: () => 10, reclaim });
    expect((await wait).bytes).toBe(10);
    expect(reclaim).toHaveBeenCalledTimes(1);
  });

  it('serve who came with a higher priority first', async () => {
    const root = full();
    const cache = new Portions(root, 100, 100);
    cache.pinned = true;
    const served: string[] = [];
    const low = root.acquire(50, { priority: 10 }).then(() => served.push('low'));
    const high = root.acquire(80, { priority: 90 }).then(() => served.push('high'));
    cache.pinned = false;
    expect(root.tryReserve(50)).toBe(false);
    await high;
    expect(served).toEqual(['high']);
    root.release(80);
    await low;
    checkTree(root);
  });

  it('work at each level: for who waits in a child, and for who then waits in its parent', async () => {
    const root = full();
    const child = root.child('child', { limitBytes: 40, quantumBytes: 1 });
    const inner = new Portions(child, 40, 40);
    const outer = new Portions(root, 60, 60);
    inner.pinned = true;
    outer.pinned = true;
    const inChild = child.acquire(10);
    const inRoot = root.acquire(20);
    await passes(2);
    inner.pinned = false;
    expect(child.tryReserve(1)).toBe(true); // the two before it are served first
    expect([(await inChild).bytes, (await inRoot).bytes, root.tree.waiting]).toEqual([10, 20, 0]);
    expect([inner.asked, outer.asked, inner.have]).toEqual([[10, 20, 1], [], 9]);
    checkTree(root);
  });

  it('what is used within a guarantee meanwhile does not count as if nothing had come back', async () => {
    const root = full();
    const sure = root.child('sure', { guaranteedBytes: 30, quantumBytes: 1 });
    const cache = new SlowPortions(root, 70, 10);
    const wait = root.acquire(40);
    sure.reserve(30);
    await passes();
    expect((await wait).bytes).toBe(40);
    expect(cache.asked).toEqual([40, 30, 20, 10]);
    checkTree(root);
  });

  it('serve who waits for a policy too', async () => {
    const root = new MemoryBudget('root', { limitBytes: 100, policy: 'fairShare', quantumBytes: 1 });
    const [a, b] = [root.child('a', { quantumBytes: 1 }), root.child('b', { quantumBytes: 1 })];
    b.reserve(10);
    const cache = new Portions(a, 50, 5);
    cache.pinned = true;
    const wait = a.acquire(20); // its share is 50 while b is active
    await turn();
    cache.pinned = false;
    expect(a.tryReserve(1)).toBe(true);
    expect((await wait).bytes).toBe(20);
    expect(cache.asked).toEqual([20, 20, 20, 20, 1]);
    checkTree(root);
  });
});

describe('reclaimers that give nothing while somebody waits', () => {
  it('at once: are asked once for each request that meets the queue', async () => {
    const root = full();
    root.reserve(100);
    const reclaim = jest.fn(() => 0);
    root.addReclaimer({ name: 'liar', reclaimableBytes: () => 100, reclaim });
    const wait = root.acquire(10);
    await passes(3);
    expect(reclaim).toHaveBeenCalledTimes(1);
    expect(root.tryReserve(1)).toBe(false);
    await passes(3);
    expect(reclaim).toHaveBeenCalledTimes(2);
    root.release(100);
    await wait;
  });

  it('by a promise: are not asked again and again', async () => {
    const root = full();
    root.reserve(100);
    const reclaim = jest.fn(async () => 0);
    root.addReclaimer({ name: 'liar', reclaimableBytes: () => 100, reclaim });
    const wait = root.acquire(10);
    await passes();
    expect(reclaim.mock.calls.length).toBeLessThanOrEqual(2);
    root.release(100);
    await wait;
  });

  it.each([true, false])('take and give back elsewhere: no endless round (promise: %p)', async (slow) => {
    const root = full();
    const other = root.child('other', { guaranteedBytes: 10, quantumBytes: 1 });
    root.reserve(90);
    let calls = 0;
    root.addReclaimer({
      name: 'churn',
      reclaimableBytes: () => 100,
      reclaim: () => {
        calls += 1;
        if (calls > 1000) throw new Error('endless');
        other.reserve(5);
        other.release(5);
        return slow ? Promise.resolve(5) : 5;
      },
    });
    const wait = root.acquire(20);
    await passes();
    root.tryReserve(5);
    await passes();
    expect(calls).toBeLessThan(10);
    root.release(90);
    await wait;
    checkTree(root);
  });

  it('wait themselves in the middle: no endless round', async () => {
    const root = full();
    root.reserve(100);
    let calls = 0;
    let held = 100;
    const waits: Promise<unknown>[] = [];
    root.addReclaimer({
      name: 'swap',
      reclaimableBytes: () => held,
      reclaim: () => {
        calls += 1;
        if (calls > 1000) throw new Error('endless');
        const bytes = Math.min(10, held);
        held -= bytes;
        if (bytes > 0) root.release(bytes);
        waits.push(
          root.acquire(bytes).then(() => {
            held += bytes;
          }),
        );
        return bytes;
      },
    });
    const wait = root.acquire(10);
    root.tryReserve(1);
    expect((await wait).bytes).toBe(10);
    await passes();
    expect(calls).toBeLessThan(20);
    checkTree(root);
  });

  it('fail: the wait goes on, and nothing is thrown where nobody listens', async () => {
    const root = full();
    root.reserve(100);
    const wait = root.acquire(10);
    let reads = 0;
    root.addReclaimer({
      name: 'broken',
      get priority(): number {
        reads += 1;
        if (reads > 2) throw new Error('priority');
        return 1;
      },
      reclaimableBytes: () => 10,
      reclaim: () => {
        throw new Error('broken');
      },
    });
    await passes(2);
    expect(root.stats()).toMatchObject({ waiting: 1, reclaimFailures: 1 });
    root.release(10);
    await wait;
  });

  it('answer with what cannot be waited for: they are asked again later', async () => {
    const root = full();
    root.reserve(100);
    const answer = Promise.resolve(0);
    Object.defineProperty(answer, 'constructor', {
      get: () => {
        throw new Error('constructor');
      },
    });
    let calls = 0;
    root.addReclaimer({
      name: 'odd',
      reclaimableBytes: () => 10,
      reclaim: () => {
        calls += 1;
        return answer;
      },
    });
    expect(root.tryReserve(1)).toBe(false);
    await turn();
    expect(root.tryReserve(1)).toBe(false);
    expect(calls).toBe(2);
  });
});

it('many who wait are served by one round after the other, without a deep stack', async () => {
  const root = full(20_000);
  const cache = new Portions(root, 20_000, 1);
  cache.pinned = true;
  const all = Array.from({ length: 20_000 }, () => root.acquire(1));
  cache.pinned = false;
  root.tryReserve(1);
  await Promise.all(all);
  expect([cache.have, root.stats().waiting]).toEqual([0, 0]);
});
