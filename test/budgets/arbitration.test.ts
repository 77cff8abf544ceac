import { type BudgetReclaimer, MemoryBudget } from '../../lib/budgets';
import { checkTree, codeOf, FakeTime } from './support';

// The arbitration cases of Velox (MockSharedArbitratorTest), by their names, where they apply here. A query there is a
// child here, arbitration is what a reservation does before it fails, spilling is a reclaimer.
//
// Nothing here takes memory from a living holder by force, so these do not apply: shrinkPoolsDelayedAbort,
// globalArbitrationAbortTimeRatio, globalArbitrationByAbortWithPriority, noEligibleAbortCandidate,
// growWithArbitrationAbort, abortWithNoCandidate, memoryReclaimFailureTriggeredAbort (a reclaimer that fails is counted,
// and the next one is asked: enterArbitrationException).
// Reclaimers are asked for what is lacking, neither rounded up to a minimum nor to a share of the whole; one that does
// not want to be asked for little says that it has nothing: minReclaimBytes, globalArbitrationReclaimPct.

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Holds memory of a budget that can be had back. */
class Spilling implements BudgetReclaimer {
  readonly name: string;
  readonly asked: number[] = [];
  readonly priority: number;
  private readonly budget: MemoryBudget;
  held: number;

  constructor(budget: MemoryBudget, bytes: number, priority = 50) {
    this.name = `spilling of ${budget.name}`;
    this.budget = budget;
    this.priority = priority;
    this.held = bytes;
    if (bytes > 0) budget.reserve(bytes);
    budget.addReclaimer(this);
  }

  reclaimableBytes(): number {
    return this.held;
  }

  reclaim(targetBytes: number): number {
    this.asked.push(targetBytes);
    const bytes = Math.min(targetBytes, this.held);
    this.held -= bytes;
    if (bytes > 0) this.budget.release(bytes);
    return bytes;
  }
}

/** A root of 100 bytes, counted to the byte, and its children. */
function tree<const Names extends readonly string[]>(names: Names, quantumBytes = 1) {
  const timers = new FakeTime();
  const root = new MemoryBudget('root', { limitBytes: 100, quantumBytes: 1, timers });
  const children = names.map((name) => root.child(name, { quantumBytes })) as { [K in keyof Names]: MemoryBudget };
  return { root, children, timers };
}

const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: { code: string }) => error.code);

describe('capacity that moves without asking anybody', () => {
  test('singlePoolGrowWithoutArbitration', () => {
    const { root, children } = tree(['a', 'b'], 10);
    const cache = new Spilling(children[1], 10);
    for (let i = 0; i < 9; i += 1) children[0].reserve(10);
    expect([root.usedBytes, cache.asked]).toEqual([100, []]);
    checkTree(root);
  });

  test('singlePoolShrinkWithoutArbitration', () => {
    const { root, children } = tree(['a'], 10);
    children[0].reserve(90);
    children[0].release(85);
    expect(children[0].stats()).toMatchObject({ usedBytes: 5, heldBytes: 20 }); // it keeps less than two steps
    children[0].release(5);
    children[0].close();
    expect(root.free).toBe(100);
  });

  test('shrinkPools', () => {
    const { root, children } = tree(['a', 'b', 'c'], 30);
    for (const child of children) child.reserve(1);
    expect(children.map(({ held }) => held)).toEqual([30, 30, 30]);
    root.harvest();
    expect([children.map(({ held }) => held), root.free]).toEqual([[1, 1, 1], 97]);
    checkTree(root);
  });

  test('arbitrateWithCapacityShrink', () => {
    const { root, children } = tree(['a', 'b', 'c'], 30);
    const cache = new Spilling(children[0], 1);
    children[1].reserve(1);
    children[2].reserve(98);
    expect([cache.asked, root.usedBytes]).toEqual([[], 100]); // what others hold and do not use comes first
    checkTree(root);
  });

  test('maxCapacityReserve', () => {
    const { root, children } = tree(['greedy']);
    const sure = root.child('sure', { guaranteedBytes: 40, quantumBytes: 1 });
    expect([children[0].tryReserve(61), children[0].tryReserve(60)]).toEqual([false, true]);
    root.harvest();
    sure.reserve(40);
    checkTree(root);
  });

  test('ensureMemoryPoolMaxCapacity', () => {
    const { root, children } = tree(['other']);
    const other = new Spilling(children[0], 20);
    const small = root.child('small', { limitBytes: 30, quantumBytes: 1 });
    small.reserve(25);
    expect([small.tryReserve(6), small.tryReserve(5)]).toEqual([false, true]);
    expect(other.asked).toEqual([]); // the room that others have is of no use to it
    expect(codeOf(() => small.reserve(31))).toBe('ERR_MEMORY_TOO_LARGE');
    checkTree(root);
  });
});

describe('reclaiming', () => {
  test('arbitrateWithMemoryReclaim', () => {
    const { root, children } = tree(['cache', 'worker']);
    const cache = new Spilling(children[0], 80);
    children[1].reserve(50);
    expect([cache.asked, cache.held, root.usedBytes]).toEqual([[30], 50, 100]);
    checkTree(root);
  });

  test('arbitrateBySelfMemoryReclaim', () => {
    const { root, children } = tree(['other']);
    const other = new Spilling(children[0], 10);
    const self = root.child('self', { limitBytes: 50, quantumBytes: 1 });
    const own = new Spilling(self, 50);
    self.reserve(20);
    expect([own.asked, other.asked, self.usedBytes]).toEqual([[20], [], 50]);
    checkTree(root);
  });

  test('globalArbitrationSmallParticipantLargeGrow', () => {
    const { root, children } = tree(['large', 'small']);
    const cache = new Spilling(children[0], 99);
    children[1].reserve(1);
    children[1].reserve(98);
    expect([cache.held, children[1].usedBytes]).toEqual([1, 99]);
    checkTree(root);
  });

  test('globalArbitrationBySpillWithPriority', () => {
    const { root, children } = tree(['low', 'middle', 'high', 'worker']);
    const caches = [
      new Spilling(children[0], 30, 10),
      new Spilling(children[1], 40, 50),
      new Spilling(children[2], 30, 90),
    ];
    children[3].reserve(35);
    expect(caches.map(({ held }) => held)).toEqual([0, 35, 30]);
    children[3].reserve(40);
    expect(caches.map(({ held }) => held)).toEqual([0, 0, 25]);
    checkTree(root);
  });

  test('multipleGlobalRuns', () => {
    const { root, children } = tree(['cache', 'worker']);
    const cache = new Spilling(children[0], 100);
    for (let run = 0; run < 10; run += 1) children[1].reserve(10);
    expect([cache.asked, children[1].usedBytes]).toEqual([Array(10).fill(10), 100]);
    for (let run = 0; run < 10; run += 1) children[1].release(10);
    expect(root.stats()).toMatchObject({ usedBytes: 0, refusals: 0 });
    checkTree(root);
  });

  test('globalArbitrationWithoutSpill', () => {
    const { children } = tree(['a', 'b']);
    children[0].reserve(100);
    expect(codeOf(() => children[1].reserve(1))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    expect([children[0].usedBytes, children[1].usedBytes]).toEqual([100, 0]);
  });

  test('badNonReclaimableQuery', () => {
    const { children } = tree(['bad', 'good', 'worker']);
    const bad = new Spilling(children[0], 60);
    bad.reclaimableBytes = () => 0;
    const good = new Spilling(children[1], 40);
    children[2].reserve(40);
    expect([bad.asked, good.asked]).toEqual([[], [40]]);
    expect(children[2].tryReserve(1)).toBe(false);
    expect(bad.asked).toEqual([]);
  });

  test('reclaimWithNoCandidate', () => {
    const { root, children } = tree(['a', 'b']);
    children[0].reserve(60);
    const empty = new Spilling(children[1], 0);
    expect(children[1].tryReserve(41)).toBe(false);
    expect([empty.asked, root.usedBytes]).toEqual([[], 60]);
    checkTree(root);
  });

  test('noAbortOnRequestWhenArbitrationFails', () => {
    const { root, children } = tree(['a', 'b']);
    children[0].reserve(60);
    children[1].reserve(20);
    expect(children[1].tryReserve(50)).toBe(false);
    expect([children[0].usedBytes, children[1].usedBytes]).toEqual([60, 20]); // nobody lost anything
    children[1].reserve(20);
    checkTree(root);
  });

  test('enterArbitrationException', () => {
    const { root, children } = tree(['bad', 'good', 'worker']);
    const fail = (): never => {
      throw new Error('broken');
    };
    children[0].addReclaimer({ name: 'cannot tell', priority: 0, reclaimableBytes: fail, reclaim: fail });
    children[0].addReclaimer({ name: 'cannot', priority: 0, reclaimableBytes: () => 50, reclaim: fail });
    new Spilling(children[1], 100);
    children[2].reserve(30);
    expect(children.map(({ usedBytes }) => usedBytes)).toEqual([0, 70, 30]);
    checkTree(root);
  });

  test('noArbitrationFromAbortedPool', async () => {
    const { children } = tree(['cache', 'gone']);
    const cache = new Spilling(children[0], 100);
    children[1].close();
    expect([codeOf(() => children[1].reserve(1)), codeOf(() => children[1].tryReserve(1))]).toEqual(
      Array(2).fill('ERR_MEMORY_CLOSED'),
    );
    expect(await outcome(children[1].acquire(1))).toBe('ERR_MEMORY_CLOSED');
    expect(cache.asked).toEqual([]);
  });

  test('allocationFromFreeReservedMemoryDuringGlobalArbitration', () => {
    const { root, children } = tree(['cache', 'holder', 'worker']);
    const holder = root.child('other', { guaranteedBytes: 20, quantumBytes: 1 });
    const cache = new Spilling(children[0], 80);
    const spill = cache.reclaim.bind(cache);
    const during: boolean[] = [];
    cache.reclaim = (target) => {
      during.push(holder.tryReserve(20), holder.tryReserve(1), children[1].tryReserve(1));
      return spill(target);
    };
    children[2].reserve(10);
    expect(during).toEqual([true, false, false]); // from what it holds, and no second round for more
    checkTree(root);
  });
});

describe('waiting', () => {
  test('orderedArbitration', async () => {
    const { root, children } = tree(['a', 'b', 'c', 'd']);
    root.reserve(100);
    const served: string[] = [];
    const sizes = [70, 1, 30, 50];
    const all = children.map((child, index) =>
      child.acquire(sizes[index] as number).then((got) => {
        served.push(child.name);
        setImmediate(() => got.cancel());
      }),
    );
    for (let i = 0; i < 10; i += 1) {
      root.release(10);
      await settle();
    }
    await Promise.all(all);
    expect(served).toEqual(['a', 'b', 'c', 'd']);
    checkTree(root);
  });

  test('localArbitrationsFromSameQuery', async () => {
    const { root } = tree([]);
    const child = root.child('child', { limitBytes: 10, quantumBytes: 1 });
    const first = await child.acquire(10);
    const served: number[] = [];
    const all = [6, 5, 4].map((bytes) =>
      child.acquire(bytes).then((got) => {
        served.push(bytes);
        got.cancel();
      }),
    );
    await settle();
    expect(root.tryReserve(90)).toBe(true); // it waits for itself, and holds up nobody
    first.cancel();
    await Promise.all(all);
    expect(served).toEqual([6, 5, 4]);
    checkTree(root);
  });

  test('localArbitrationsFromDifferentQueries', async () => {
    const { root } = tree([]);
    const children = [1, 2, 3].map((n) => root.child(`c${n}`, { limitBytes: 10, quantumBytes: 1 }));
    const firsts = await Promise.all(children.map((child) => child.acquire(10)));
    const seconds = children.map((child) => child.acquire(10));
    firsts[2]?.cancel();
    (await (seconds[2] as Promise<(typeof firsts)[0]>)).cancel(); // the last one does not wait for the others
    expect(children.map((child) => child.stats().waiting)).toEqual([1, 1, 0]);
    for (const first of firsts.slice(0, 2)) first.cancel();
    for (const second of seconds.slice(0, 2)) (await second).cancel();
    checkTree(root);
  });

  test('localArbitrationRunInParallelWithGlobalArbitration', async () => {
    const { root, children } = tree(['large', 'worker']);
    const local = root.child('local', { limitBytes: 10, quantumBytes: 1 });
    local.reserve(10);
    children[0].reserve(90);
    const atOwn = local.acquire(5);
    const atRoot = children[1].acquire(50);
    await settle();
    local.release(5);
    expect((await atOwn).bytes).toBe(5); // before the one that waits for the root
    children[0].release(50);
    expect((await atRoot).bytes).toBe(50);
    checkTree(root);
  });

  test('globalArbitrationTimeout', async () => {
    const { root, children, timers } = tree(['a', 'b']);
    children[0].reserve(100);
    const waiting = outcome(children[1].acquire(10, { deadlineMs: 50 }));
    timers.advance(50);
    expect([await waiting, root.tree.waiting]).toEqual(['ERR_MEMORY_TIMEOUT', 0]);
  });

  test('localArbitrationTimeout', async () => {
    const { root, timers } = tree([]);
    const child = root.child('child', { limitBytes: 10, quantumBytes: 1 });
    child.reserve(10);
    const waiting = outcome(child.acquire(1, { deadlineMs: 50 }));
    timers.advance(49);
    expect(child.stats().waiting).toBe(1);
    timers.advance(1);
    expect([await waiting, child.stats().waiting]).toEqual(['ERR_MEMORY_TIMEOUT', 0]);
  });

  test('localArbitrationQueueTimeout', async () => {
    const { root, timers } = tree([]);
    const child = root.child('child', { limitBytes: 10, quantumBytes: 1 });
    child.reserve(10);
    const first = child.acquire(2);
    const second = outcome(child.acquire(3, { deadlineMs: 50 }));
    const third = child.acquire(4);
    timers.advance(50);
    expect(await second).toBe('ERR_MEMORY_TIMEOUT');
    child.release(6);
    expect([(await first).bytes, (await third).bytes, child.usedBytes]).toEqual([2, 4, 10]);
    checkTree(root);
  });

  test('reclaimLockTimeout', async () => {
    const { children, timers } = tree(['stuck', 'cache', 'a', 'b']);
    children[0].reserve(50);
    let asked = 0;
    children[0].addReclaimer({
      name: 'never answers',
      priority: 0,
      reclaimableBytes: () => 50,
      reclaim: () => {
        asked += 1;
        return new Promise<number>(() => {});
      },
    });
    const cache = new Spilling(children[1], 50);
    expect(children[2].tryReserve(20)).toBe(true); // the next one is asked at once
    expect(children[3].tryReserve(20)).toBe(true);
    expect([asked, cache.held]).toEqual([1, 10]);
    const waiting = outcome(children[3].acquire(20, { deadlineMs: 5 }));
    timers.advance(5);
    expect(await waiting).toBe('ERR_MEMORY_TIMEOUT');
  });

  test('globalArbitrationWaitReturnEarlyWithFreeCapacity', async () => {
    const { children } = tree(['slow', 'other', 'worker']);
    children[0].reserve(60);
    children[1].reserve(40);
    let finish = (): void => {};
    children[0].addReclaimer({
      name: 'slow',
      reclaimableBytes: () => 60,
      reclaim: async (target) => {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        children[0].release(target);
        return target;
      },
    });
    const waiting = children[2].acquire(30);
    children[1].release(30);
    expect((await waiting).bytes).toBe(30); // without the one who is still at it
    finish();
    await settle();
    expect(children[0].usedBytes).toBe(30);
  });

  test('arbitrationAbort', async () => {
    const { root, children } = tree(['a', 'b', 'c']);
    children[0].reserve(100);
    const controller = new AbortController();
    const large = outcome(children[1].acquire(80, { signal: controller.signal }));
    const small = children[2].acquire(10);
    children[0].release(20);
    await settle();
    controller.abort();
    expect([await large, (await small).bytes]).toEqual(['ERR_MEMORY_ABORTED', 10]);
    checkTree(root);
  });

  test('shutdown', async () => {
    const { root, children } = tree(['a', 'b']);
    children[0].reserve(100);
    const waiting = [outcome(children[1].acquire(10)), outcome(children[1].acquire(20))];
    children[1].close();
    expect(await Promise.all(waiting)).toEqual(Array(2).fill('ERR_MEMORY_CLOSED'));
    expect([root.tree.waiting, root.children.size]).toEqual([0, 1]);
  });

  test('shutdownWait', () => {
    const { root, children } = tree(['a', 'b']);
    children[0].reserve(10);
    expect(codeOf(() => root.close())).toBe('ERR_MEMORY_IN_USE');
    children[1].close();
    expect(codeOf(() => children[0].close())).toBe('ERR_MEMORY_IN_USE');
    children[0].release(10);
    children[0].close();
    root.close();
    expect(root.state).toBe('released');
  });
});

describe('many at once', () => {
  /** A generator of numbers, so that a failure comes again. */
  const randomFrom = (seed: number) => {
    let state = seed;
    return (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
  };

  test.each([1, 2, 3])('concurrentArbitrationRequests, seed %i', async (seed) => {
    const random = randomFrom(seed);
    const { root, children } = tree(['a', 'b', 'c', 'd', 'cache'], 5);
    const cache = new Spilling(children[4], 60);
    let served = 0;
    const work = async (child: MemoryBudget): Promise<void> => {
      for (let round = 0; round < 50; round += 1) {
        const got = await child.acquire(1 + random(60), { priority: random(100) });
        served += 1;
        expect(root.usedBytes).toBeLessThanOrEqual(100);
        if (random(2) === 0) await settle();
        if (got.tryGrow(1 + random(30)) && random(2) === 0) await settle();
        got.cancel();
      }
    };
    await Promise.all([...children.slice(0, 4), ...children.slice(0, 4)].map(work));
    checkTree(root);
    expect([served, root.usedBytes, root.tree.waiting]).toEqual([400, cache.held, 0]);
  });

  test.each([1, 2, 3])('concurrentArbitrationWithTransientRoots, seed %i', async (seed) => {
    const random = randomFrom(seed);
    const { root } = tree([]);
    let served = 0;
    const live = async (id: number): Promise<void> => {
      for (let round = 0; round < 15; round += 1) {
        const child = root.child(`c${id}.${round}`, { quantumBytes: 1 + random(20) });
        const all = Array.from({ length: 3 }, () =>
          child.acquire(1 + random(90)).then(async (got) => {
            served += 1;
            await settle();
            got.cancel();
          }),
        );
        if (random(4) === 0) {
          const late = outcome(child.acquire(100));
          await Promise.all(all);
          if (child.usedBytes === 0) child.close();
          const how = await late;
          if (typeof how === 'object') (how as { cancel(): void }).cancel();
        }
        await Promise.all(all);
        child.close();
      }
    };
    await Promise.all([1, 2, 3, 4].map(live));
    checkTree(root);
    expect([served, root.usedBytes, root.free, root.children.size]).toEqual([180, 0, 100, 0]);
  });
});
