import { type SharedPoolOptions, type SlotLease, ThreadSafePool } from '../../../lib/pools/shared';
import { FakeTime } from '../../support/fake-time';
import { code, take } from './support';

type Pool = ThreadSafePool;

/** Several attachments in this thread, in one time that stands still until it is moved. */
class Team {
  readonly time = new FakeTime();
  readonly all: Pool[];

  constructor(count: number, options: Partial<SharedPoolOptions> = {}) {
    const own = { timers: this.time, clock: this.time };
    const first = ThreadSafePool.create({ slots: 1, slotBytes: 64, owners: 8, name: 'p', ...options, ...own });
    this.all = [first];
    for (let i = 1; i < count; i += 1) this.all.push(ThreadSafePool.attach(structuredClone(first.handle), own));
  }

  at(index: number): Pool {
    return this.all[index] as Pool;
  }

  /** Moves the time on and lets promises run. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1) {
      this.time.advance(1);
      await Promise.resolve();
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  end(): void {
    for (const pool of this.all) pool.close();
    expect(this.time.pending).toBe(0);
  }
}

/** What became of a promise, without waiting for it. */
function watch<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const seen: { value?: T; error?: unknown } = {};
  promise.then(
    (value) => {
      seen.value = value;
    },
    (error) => {
      seen.error = error;
    },
  );
  return seen;
}

describe('waiting for a slot', () => {
  let team: Team;
  let one: Pool;
  let two: Pool;
  beforeEach(() => {
    team = new Team(3);
    [one, two] = [team.at(0), team.at(1)];
  });
  afterEach(() => team.end());

  test('ends at once where one is free', async () => {
    using lease = await one.acquire();
    expect([lease.held, one.stats().waiting, team.time.pending]).toEqual([true, 0, 0]);
  });

  test('ends with what comes back here, and with what others give back', async () => {
    let held = take(one);
    const here = watch(one.acquire());
    held.release();
    await team.pass(0);
    expect(here.value?.held).toBe(true);
    held = here.value as SlotLease;
    const there = watch(two.acquire());
    expect(two.stats().waiting).toBe(1);
    await team.pass(100);
    expect(there).toEqual({});
    held.release();
    await team.pass(16);
    expect(there.value?.held).toBe(true);
    expect([one.stats().waiting, one.borrowed]).toEqual([0, 1]);
  });

  test('is served in the order of arrival over all attachments', async () => {
    const held = take(one);
    const served: number[] = [];
    const order = [one, two, team.at(2), one, two, team.at(2), two, one];
    const all = order.map((pool, index) =>
      pool.acquire().then((lease) => {
        served.push(index);
        lease.release();
      }),
    );
    await team.pass(20);
    expect([served, one.stats().waiting]).toEqual([[], 8]);
    held.release();
    await team.pass(400);
    await Promise.all(all);
    expect(served).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('is served by priority first, over all attachments', async () => {
    const held = take(one);
    const served: string[] = [];
    const ask = (pool: Pool, name: string, priority: number) =>
      pool.acquire({ priority }).then((lease) => {
        served.push(name);
        lease.release();
      });
    const all = [ask(one, 'low', 0), ask(two, 'usual', 50), ask(one, 'high', 90), ask(team.at(2), 'higher', 100)];
    held.release();
    await team.pass(400);
    await Promise.all(all);
    expect(served).toEqual(['higher', 'high', 'usual', 'low']);
  });

  test('is not overtaken by tryAcquire or acquire, of any attachment', async () => {
    const held = take(one);
    const first = watch(two.acquire());
    held.release();
    // It is free, and two has not looked yet.
    expect([one.borrowed, one.tryAcquire(), two.tryAcquire()]).toEqual([0, undefined, undefined]);
    const second = watch(one.acquire());
    await team.pass(16);
    expect([first.value?.held, second.value]).toEqual([true, undefined]);
    first.value?.release();
    await team.pass(16);
    expect(second.value?.held).toBe(true);
    second.value?.release();
    expect(take(two).held).toBe(true); // nobody waits: the gate is open again
  });

  test('serves several at once when several slots come back', async () => {
    const many = new Team(3, { slots: 3 });
    const held = [0, 1, 2].map(() => take(many.at(0)));
    const waits = [0, 1, 2].map((index) => watch(many.at(index).acquire()));
    for (const lease of held) lease.release();
    await many.pass(40);
    expect(waits.map(({ value }) => value?.held)).toEqual([true, true, true]);
    many.end();
  });

  test('ends at its deadline, not before, and the next one is served', async () => {
    const held = take(one);
    const late = watch(two.acquire({ deadlineMs: 30 }));
    const next = watch(team.at(2).acquire());
    await team.pass(29);
    expect(late).toEqual({});
    await team.pass(1);
    expect(late.error).toEqual(code('ERR_MEMORY_TIMEOUT'));
    held.release();
    await team.pass(16);
    expect(next.value?.held).toBe(true);
    expect(two.stats()).toMatchObject({ refusals: 1, waiting: 0 });
  });

  test('a slot that comes back at the moment of the deadline goes to the next one', async () => {
    const held = take(one);
    const late = watch(two.acquire({ deadlineMs: 8 }));
    const next = watch(team.at(2).acquire());
    team.time.advance(7);
    held.release();
    // The next look of two comes after its deadline.
    await team.pass(30);
    expect(late.error).toEqual(code('ERR_MEMORY_TIMEOUT'));
    expect(next.value?.held).toBe(true);
    expect(one.borrowed).toBe(1);
  });

  test('ends when it is aborted, and the next one is served', async () => {
    const held = take(one);
    const stop = new AbortController();
    const gone = watch(two.acquire({ signal: stop.signal }));
    const next = watch(two.acquire());
    stop.abort(new Error('enough'));
    await team.pass(0);
    expect(gone.error).toMatchObject({ code: 'ERR_MEMORY_ABORTED', cause: stop.signal.reason });
    held.release();
    await team.pass(16);
    expect(next.value?.held).toBe(true);
    const before = watch(one.acquire({ signal: stop.signal }));
    await team.pass(0);
    expect(before.error).toEqual(code('ERR_MEMORY_ABORTED'));
    expect(one.borrowed).toBe(1);
  });

  test('aborted in the same turn in which the slot came back: the slot is had by one of them', async () => {
    const held = take(one);
    const stop = new AbortController();
    const first = watch(one.acquire({ signal: stop.signal }));
    const next = watch(two.acquire());
    held.release();
    stop.abort(); // it has been served: the abort comes too late
    await team.pass(20);
    expect([first.value?.held, next.value]).toEqual([true, undefined]);
    first.value?.release();
    await team.pass(20);
    expect(next.value?.held).toBe(true);
  });

  test('is passed over while its attachment does not look, and keeps its place', async () => {
    const held = take(one);
    const busy = watch(two.acquire());
    await team.pass(5);
    const { seekers } = two as unknown as { seekers: { lookout: { timer: unknown }; serve(): void } };
    team.time.stop(seekers.lookout.timer); // its thread is busy, or stopped
    const next = watch(team.at(2).acquire());
    held.release();
    await team.pass(900);
    expect(next).toEqual({});
    await team.pass(200);
    expect(next.value?.held).toBe(true);
    const after = watch(one.acquire());
    seekers.serve(); // back again
    next.value?.release();
    seekers.serve();
    await team.pass(30);
    expect([busy.value?.held, after.value]).toEqual([true, undefined]);
    busy.value?.release();
    await team.pass(30);
    expect(after.value?.held).toBe(true);
  });

  test('refuses bad options and counts nothing', async () => {
    for (const [options, expected] of [
      [{ deadlineMs: -1 }, 'OUT_OF_RANGE'],
      [{ deadlineMs: 'soon' }, 'INVALID_ARGUMENT'],
      [{ priority: 101 }, 'OUT_OF_RANGE'],
      [{ priority: '1' }, 'INVALID_ARGUMENT'],
      [{ signal: {} }, 'INVALID_ARGUMENT'],
      [{ deadline: 1 }, 'INVALID_ARGUMENT'],
      [7, 'INVALID_ARGUMENT'],
    ] as const) {
      await expect(one.acquire(options as never)).rejects.toEqual(code(`ERR_MEMORY_${expected}`));
    }
    expect(() => one.acquireSync(-1)).toThrow(code('ERR_MEMORY_OUT_OF_RANGE'));
    expect(() => one.acquireSync({} as never)).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
    expect([one.stats().waiting, one.borrowed, team.time.pending]).toEqual([0, 0, 0]);
  });

  test('a deadline of 0 is a try', async () => {
    (await one.acquire({ deadlineMs: 0 })).release();
    one.acquireSync(0).release();
    const held = take(one);
    const tried = watch(two.acquire({ deadlineMs: 0 }));
    await team.pass(1);
    expect(tried.error).toEqual(code('ERR_MEMORY_TIMEOUT'));
    expect(() => two.acquireSync(0)).toThrow(code('ERR_MEMORY_TIMEOUT'));
    expect(() => one.acquireSync(20)).toThrow(code('ERR_MEMORY_TIMEOUT'));
    held.release();
    expect(take(two).held).toBe(true);
  });

  test('blocked, it serves those of its thread who came before it', async () => {
    const many = new Team(1, { slots: 2 });
    const pool = many.at(0);
    const held = [take(pool), take(pool)];
    const before = watch(pool.acquire());
    // Both come back between two looks: by their words, without a call that serves.
    const { blocks } = pool as unknown as { blocks: { deallocate(offset: number, bytes: number): void } };
    for (const { slot } of held) blocks.deallocate(slot * 64, 64);
    const lease = pool.acquireSync(1000);
    await many.pass(0);
    expect([lease.held, before.value?.held, lease.slot !== before.value?.slot]).toEqual([true, true, true]);
    many.end();
  });

  test('an error of the memory refuses the one whose turn it is, and no other', async () => {
    const held = take(one);
    const first = watch(one.acquire());
    const second = watch(one.acquire());
    const { blocks } = one as unknown as { blocks: { tryAllocate(bytes: number): number } };
    const claim = blocks.tryAllocate.bind(blocks);
    blocks.tryAllocate = () => {
      blocks.tryAllocate = claim;
      throw new Error('broken');
    };
    held.release();
    await team.pass(20);
    expect([(first.error as Error).message, second.value?.held]).toEqual(['broken', true]);
  });
});

describe('shutdown and drain', () => {
  let team: Team;
  let one: Pool;
  let two: Pool;
  beforeEach(() => {
    team = new Team(2, { slots: 2 });
    [one, two] = [team.at(0), team.at(1)];
  });
  afterEach(() => team.end());

  test('refuses everybody who waits, of all attachments, and lends nothing more', async () => {
    const held = [take(one), take(two)];
    const waits = [watch(one.acquire()), watch(two.acquire({ deadlineMs: 1000 }))];
    one.shutdown();
    one.shutdown();
    await team.pass(16);
    for (const { error } of waits) expect(error).toEqual(code('ERR_MEMORY_CLOSED'));
    for (const lease of held) lease.release();
    for (const pool of [one, two]) {
      expect(() => pool.tryAcquire()).toThrow(code('ERR_MEMORY_CLOSED'));
      expect(() => pool.acquireSync(1)).toThrow(code('ERR_MEMORY_CLOSED'));
      await expect(pool.acquire()).rejects.toEqual(code('ERR_MEMORY_CLOSED'));
    }
    expect([one.borrowed, one.stats().waiting]).toEqual([0, 0]);
  });

  test('loans go on after it: they are used, adopted and released', () => {
    const lease = take(one);
    two.shutdown();
    lease.bytes[0] = 1;
    const adopted = two.adopt(lease.lease);
    expect(adopted.bytes[0]).toBe(1);
    adopted.release();
    expect(two.borrowed).toBe(0);
  });

  test('a loan that was under way when another attachment shut the pool down is none', () => {
    const { blocks } = two as unknown as { blocks: { tryAllocate(bytes: number): number } };
    const claim = blocks.tryAllocate.bind(blocks);
    blocks.tryAllocate = (bytes) => {
      one.shutdown();
      return claim(bytes);
    };
    expect(() => two.tryAcquire()).toThrow(code('ERR_MEMORY_CLOSED'));
    expect(one.borrowed).toBe(0);
  });

  test('whoever attaches later finds it shut', () => {
    one.shutdown();
    const late = ThreadSafePool.attach(one.handle);
    expect(() => late.tryAcquire()).toThrow(code('ERR_MEMORY_CLOSED'));
    late.close();
  });

  test('drain waits for the loans of all attachments', async () => {
    const mine = take(one);
    const theirs = take(two);
    one.shutdown();
    const drained = watch(one.drain().then(() => 'done'));
    await team.pass(50);
    mine.release();
    await team.pass(50);
    expect(drained).toEqual({});
    theirs.release();
    await team.pass(16);
    expect(drained.value).toBe('done');
    await one.drain();
    await two.drain();
  });

  test('drain ends at its deadline, by its signal and by close', async () => {
    const lease = take(one);
    const stop = new AbortController();
    const late = watch(one.drain({ deadlineMs: 20 }));
    const aborted = watch(one.drain({ signal: stop.signal }));
    const closed = watch(two.drain());
    stop.abort();
    await team.pass(20);
    expect(late.error).toEqual(code('ERR_MEMORY_TIMEOUT'));
    expect(aborted.error).toEqual(code('ERR_MEMORY_ABORTED'));
    two.close();
    await team.pass(0);
    expect(closed.error).toEqual(code('ERR_MEMORY_CLOSED'));
    await expect(one.drain({ signal: stop.signal })).rejects.toEqual(code('ERR_MEMORY_ABORTED'));
    await expect(one.drain({ priority: 1 } as never)).rejects.toEqual(code('ERR_MEMORY_INVALID_ARGUMENT'));
    lease.release();
    await one.drain();
  });

  test('close refuses those who wait here, gives back what is lent here, and serves others', async () => {
    const held = [take(one), take(one)];
    const mine = watch(one.acquire());
    const theirs = watch(two.acquire());
    one.close();
    await team.pass(16);
    expect(mine.error).toEqual(code('ERR_MEMORY_CLOSED'));
    expect(theirs.value?.held).toBe(true);
    expect(held.some((lease) => lease.held)).toBe(false);
    for (const use of [() => one.shutdown(), () => one.tryAcquire(), () => one.acquireSync(1)]) {
      expect(use).toThrow(code('ERR_MEMORY_CLOSED'));
    }
    await expect(one.acquire()).rejects.toEqual(code('ERR_MEMORY_CLOSED'));
    await expect(one.drain()).rejects.toEqual(code('ERR_MEMORY_CLOSED'));
    expect(two.borrowed).toBe(1);
  });
});
