import { type BudgetLike, SharedBudget } from '../../../lib';
import { AREA, areaOf, configFor } from '../../../lib/budgets/shared/layout';
import { Region } from '../../../lib/platform';
import { checkTeam, codeOf, Team } from './support';

const MIB = 2 ** 20;
const teams: Team[] = [];
function team(count: number, options: ConstructorParameters<typeof Team>[1]): Team {
  const made = new Team(count, options);
  teams.push(made);
  return made;
}
afterEach(() => {
  for (const made of teams.splice(0)) made.end();
});

describe('a limit that members share', () => {
  it('holds for all of them together, to the byte', () => {
    const { all } = team(3, { limitBytes: 1000, quantumBytes: 1 });
    const [a, b, c] = all as [SharedBudget, SharedBudget, SharedBudget];
    a.reserve(400);
    b.reserve(599);
    expect([c.tryReserve(2), c.tryReserve(1), a.tryReserve(1)]).toEqual([false, true, false]);
    expect(all.map((budget) => budget.usedBytes)).toEqual([1000, 1000, 1000]);
    checkTeam(a);
    b.release(599);
    expect([a.tryReserve(599), b.tryReserve(1)]).toEqual([true, false]);
    checkTeam(b);
  });

  it('is got in steps, and most calls touch nothing that is shared', () => {
    const { all } = team(2, { limitBytes: '64MiB', quantumBytes: '1MiB' });
    const [a, b] = all as [SharedBudget, SharedBudget];
    a.reserve(10);
    const before = a.stats();
    expect(before).toMatchObject({ heldBytes: MIB, ownBytes: 10, usedBytes: 10, quantumBytes: MIB, unitBytes: 1 });
    for (let i = 0; i < 1000; i += 1) {
      a.reserve(100);
      a.release(100);
    }
    expect(b.stats()).toMatchObject({ heldBytes: MIB, usedBytes: 10, ownBytes: 0 });
  });

  it('is counted in larger units where it is large, and never passed', () => {
    for (const [limitBytes, unitBytes] of [
      [512 * MIB - 1, 1],
      [2 ** 30, 4],
      [2 ** 40, 4096],
      [Number.MAX_SAFE_INTEGER, 2 ** 25],
    ] as const) {
      const { all } = team(2, { limitBytes });
      const [a, b] = all as [SharedBudget, SharedBudget];
      expect([a.stats().unitBytes, b.stats().unitBytes]).toEqual([unitBytes, unitBytes]);
      expect(a.limitBytes).toBeLessThanOrEqual(limitBytes);
      expect(limitBytes - a.limitBytes).toBeLessThan(unitBytes);
      a.reserve(a.limitBytes - unitBytes);
      expect([b.tryReserve(unitBytes + 1), b.tryReserve(1), a.tryReserve(1)]).toEqual([false, true, false]);
      checkTeam(a);
    }
    expect(configFor(2 ** 29, 3)).toMatchObject({ unitBytes: 2, limitUnits: 2 ** 28 });
  });

  it('refuses with the numbers and who holds most', () => {
    const { all } = team(2, { limitBytes: 1000, quantumBytes: 1 });
    const [a, b] = all as [SharedBudget, SharedBudget];
    a.reserve(900);
    try {
      b.reserve(200);
      throw new Error('nothing was thrown');
    } catch (error) {
      expect(error).toMatchObject({
        code: 'ERR_MEMORY_BUDGET_EXCEEDED',
        requestedBytes: 200,
        limitBytes: 1000,
        availableBytes: 100,
        source: 'team',
        message: `shared budget 'team': 200 bytes refused: 900 of 1000 bytes are in use; most is held by process ${process.pid} thread 0 900 B`,
      });
    }
    expect(codeOf(() => b.reserve(1001))).toBe('ERR_MEMORY_TOO_LARGE');
    expect(b.stats()).toMatchObject({ refusals: 2, reservations: 0 });
  });

  it('serves whatever takes a budget', () => {
    const { all } = team(1, { limitBytes: '1MiB' });
    const budget: BudgetLike = all[0] as SharedBudget;
    const region = Region.map('64KiB', { budget });
    expect((budget as SharedBudget).usedBytes).toBe(65_536);
    region.free();
    const held = (budget as SharedBudget).reservation('1KiB');
    held.grow(24);
    const part = held.split(500);
    held.cancel();
    expect((budget as SharedBudget).usedBytes).toBe(500);
    part.cancel();
    expect((budget as SharedBudget).usedBytes).toBe(0);
  });
});

describe('what a member holds and does not use', () => {
  it('comes back at once when it releases while somebody is short', () => {
    const { all } = team(2, { limitBytes: 1000, quantumBytes: 400 });
    const [a, b] = all as [SharedBudget, SharedBudget];
    a.reserve(100);
    a.reserve(50);
    expect(a.stats().heldBytes).toBe(400);
    expect(b.tryReserve(700)).toBe(false); // a keeps 250, and learns that it should not
    a.release(50);
    expect(a.stats().heldBytes).toBe(100);
    expect(b.tryReserve(700)).toBe(true);
    checkTeam(a);
  });

  it('comes back after a tenth of a second without use, and at most two steps are kept before', async () => {
    const world = team(2, { limitBytes: 1000, quantumBytes: 100 });
    const [a, b] = world.all as [SharedBudget, SharedBudget];
    a.reserve(700);
    a.release(690);
    expect(a.stats().heldBytes).toBe(110);
    a.reserve(100);
    a.reserve(1);
    a.release(101);
    expect(a.stats().heldBytes).toBe(210); // not more than two steps: kept
    await world.pass(250);
    expect(b.stats().heldBytes).toBe(10);
    expect(world.timers.pending).toBe(0); // nothing runs while nothing is kept
    a.release(10);
    await world.pass(250);
    expect([b.stats().heldBytes, world.timers.pending]).toEqual([0, 0]);
  });

  it('is kept while it is used', async () => {
    const world = team(1, { limitBytes: 1000, quantumBytes: 100 });
    const a = world.at(0);
    for (let i = 0; i < 10; i += 1) {
      a.reserve(10);
      a.release(10);
      await world.pass(50);
    }
    expect(a.stats().heldBytes).toBe(100);
  });

  it('is given without being asked again, when the sign that it is wanted has passed', async () => {
    const world = team(2, { limitBytes: 1000, quantumBytes: 100 });
    const [a, b] = world.all as [SharedBudget, SharedBudget];
    expect(b.tryReserve(1000)).toBe(true);
    expect(a.tryReserve(10)).toBe(false);
    b.release(1000);
    expect(b.stats().heldBytes).toBe(0);
    await world.pass(600);
    b.reserve(10);
    b.release(5);
    expect(b.stats().heldBytes).toBe(100);
  });
});

describe('SharedBudget.acquire', () => {
  it('is served when another member gives back', async () => {
    const world = team(2, { limitBytes: 100 });
    const [a, b] = world.all as [SharedBudget, SharedBudget];
    a.reserve(100);
    const waiting = b.acquire(60);
    await world.pass(50);
    expect(b.stats()).toMatchObject({ waiting: 1, members: [{ waiting: false }, { waiting: true }] });
    a.release(60);
    await world.pass(20);
    const got = await waiting;
    expect([got.bytes, b.usedBytes, b.stats().waiting]).toEqual([60, 100, 0]);
    got.cancel();
  });

  it('is served at once by what its own member gives back, and takes effect before anything else runs', async () => {
    const world = team(1, { limitBytes: 100 });
    const a = world.at(0);
    a.reserve(100);
    const waiting = a.acquire(60);
    expect(a.tryReserve(1)).toBe(false);
    a.release(60);
    expect([a.usedBytes, a.stats().waiting]).toEqual([100, 0]);
    a.release(40);
    expect(a.tryReserve(40)).toBe(true);
    (await waiting).cancel();
  });

  it('serves members in the order in which they came, whatever the size, and a member by priority', async () => {
    const world = team(3, { limitBytes: 100, quantumBytes: 10 });
    const [a, b, c] = world.all as [SharedBudget, SharedBudget, SharedBudget];
    const served: string[] = [];
    a.reserve(100);
    const wait = (name: string, budget: SharedBudget, bytes: number, priority = 50) =>
      budget.acquire(bytes, { priority }).then((got) => {
        served.push(name);
        return got;
      });
    const large = wait('b large', b, 90, 10);
    await world.pass(5);
    const small = wait('c small', c, 5);
    const urgent = wait('b urgent', b, 20, 90);
    await world.pass(40);
    a.release(30);
    expect(c.tryReserve(1)).toBe(false); // not past those who wait
    await world.pass(40);
    expect(served).toEqual(['b urgent', 'c small']); // b's next request stands behind c
    a.release(70);
    await world.pass(40);
    expect(served).toEqual(['b urgent', 'c small']);
    (await urgent).cancel();
    await world.pass(40);
    expect(served).toEqual(['b urgent', 'c small', 'b large']);
    (await large).cancel();
    (await small).cancel();
    expect(a.usedBytes).toBe(0);
  });

  it('deadlocks nowhere when each waits for what another one holds unused', async () => {
    const world = team(3, { limitBytes: 90, quantumBytes: 30 });
    for (const budget of world.all) budget.reserve(1); // each holds 30 now
    const all = world.all.map((budget) => budget.acquire(60));
    const got: number[] = [];
    all.forEach((one, index) => {
      one.then((reservation) => {
        got.push(index);
        reservation.cancel();
      });
    });
    await world.pass(500);
    expect(got.sort()).toEqual([0, 1, 2]);
  });

  it('passes over a member that waits and does not look any more', async () => {
    const world = team(2, { limitBytes: 100, quantumBytes: 1 });
    const [a, b] = world.all as [SharedBudget, SharedBudget];
    a.reserve(50);
    const stuck = b.acquire(100);
    stuck.catch(() => {});
    expect(a.tryReserve(10)).toBe(false);
    world.timers.now += 600; // its thread is busy: none of its timers runs
    expect(a.tryReserve(10)).toBe(true);
    b.close();
    await expect(stuck).rejects.toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
  });

  it('gives up at the deadline and by signal, and lets those behind through', async () => {
    const world = team(2, { limitBytes: 100 });
    const [a, b] = world.all as [SharedBudget, SharedBudget];
    a.reserve(50);
    const controller = new AbortController();
    const late = b.acquire(80, { deadlineMs: '1s' }).catch((error) => error);
    const unwanted = b.acquire(90, { signal: controller.signal }).catch((error) => error);
    const small = b.acquire(40);
    await world.pass(999);
    expect(b.stats().waiting).toBe(3);
    await world.pass(1);
    expect(await late).toMatchObject({ code: 'ERR_MEMORY_TIMEOUT', requestedBytes: 80, limitBytes: 100 });
    controller.abort('enough');
    expect(await unwanted).toMatchObject({ code: 'ERR_MEMORY_ABORTED', cause: 'enough' });
    (await small).cancel();
    expect(b.stats()).toMatchObject({ waiting: 0, ownBytes: 0 });
    await expect(b.acquire(1, { signal: controller.signal })).rejects.toMatchObject({ code: 'ERR_MEMORY_ABORTED' });
  });

  it('refuses what can never be served, at once or when the limit is lowered', async () => {
    const world = team(2, { limitBytes: 100 });
    const [a, b] = world.all as [SharedBudget, SharedBudget];
    await expect(b.acquire(101)).rejects.toMatchObject({ code: 'ERR_MEMORY_TOO_LARGE' });
    a.reserve(20);
    const large = b.acquire(90).catch((error) => error);
    const behind = b.acquire(30);
    a.resize(60);
    await world.pass(20);
    expect(await large).toMatchObject({ code: 'ERR_MEMORY_TOO_LARGE', limitBytes: 60 });
    (await behind).cancel();
  });

  it('serves thousands in order', async () => {
    const world = team(1, { limitBytes: 10 });
    const a = world.at(0);
    const first = await a.acquire(10);
    const order: number[] = [];
    const all = Array.from({ length: 5000 }, (_, index) =>
      a.acquire(10).then((got) => {
        order.push(index);
        got.cancel();
      }),
    );
    first.cancel();
    await Promise.all(all);
    expect(order).toEqual(Array.from({ length: 5000 }, (_, index) => index));
  });
});

describe('SharedBudget.resize', () => {
  it('changes the limit for all, and not below what they hold', () => {
    const { all } = team(2, { limitBytes: 1000, quantumBytes: 100 });
    const [a, b] = all as [SharedBudget, SharedBudget];
    a.reserve(510);
    a.reserve(1);
    expect(codeOf(() => b.resize(600))).toBe('ERR_MEMORY_BUDGET_EXCEEDED'); // a holds 610
    expect(b.limitBytes).toBe(1000);
    a.release(1); // it has been asked
    b.resize(510);
    expect([a.limitBytes, a.tryReserve(1), b.tryReserve(1)]).toEqual([510, false, false]);
    a.resize(4000);
    expect(b.tryReserve(3000)).toBe(true);
    checkTeam(a);
    expect(codeOf(() => a.resize(2 ** 31))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => a.resize(0))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  });
});

describe('the end of a member', () => {
  it('gives its capacity to the others, and is refused while it has bytes reserved', () => {
    const { all } = team(2, { limitBytes: 100 });
    const [a, b] = all as [SharedBudget, SharedBudget];
    a.reserve(60);
    b.reserve(40);
    expect(codeOf(() => b.close())).toBe('ERR_MEMORY_IN_USE');
    expect(b.tryReserve(1)).toBe(false); // open still
    b.release(40);
    const { handle } = b;
    b.close();
    b.close();
    expect(a.tryReserve(40)).toBe(true);
    expect([a.stats().members.length, b.usedBytes, b.limitBytes, b.stats().ownBytes]).toEqual([1, 0, 100, 0]);
    for (const call of [
      () => b.reserve(1),
      () => b.tryReserve(1),
      () => b.release(1),
      () => b.recover(),
      () => b.resize(5),
      () => b.handle,
      () => b.reservation(1),
    ]) {
      expect(codeOf(call)).toBe('ERR_MEMORY_CLOSED');
    }
    a.release(100);
    a.close();
    expect(codeOf(() => SharedBudget.attach(handle))).toBe('ERR_MEMORY_STALE_HANDLE');
  });

  it('refuses who waits, and stops every timer', async () => {
    const world = team(2, { limitBytes: 100 });
    const [a, b] = world.all as [SharedBudget, SharedBudget];
    a.reserve(100);
    const waiting = b.acquire(10).catch((error) => error);
    b.close();
    expect(await waiting).toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
    await expect(b.acquire(1)).rejects.toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
    a.release(100);
    a.close();
    expect(world.timers.pending).toBe(0);
  });

  it('frees its place', () => {
    const { all } = team(1, { limitBytes: 100, members: 2 });
    const a = all[0] as SharedBudget;
    for (let i = 0; i < 5; i += 1) {
      const other = SharedBudget.attach(a.handle);
      other.reserve(100);
      expect(codeOf(() => SharedBudget.attach(a.handle))).toBe('ERR_MEMORY_POOL_EXHAUSTED');
      other.release(100);
      other.close();
    }
    expect(a.tryReserve(100)).toBe(true);
  });
});

describe('SharedBudget.open', () => {
  const name = `nebula-test-budget-${process.pid}`;
  afterEach(() => {
    try {
      SharedBudget.unlink(name);
    } catch {}
  });

  it('makes it or finds it, and keeps one limit while there are members', () => {
    expect(codeOf(() => SharedBudget.open(name))).toBe('ERR_MEMORY_SYSCALL');
    const a = SharedBudget.open(name, { limitBytes: 1000, members: 3 });
    const b = SharedBudget.open(name, { limitBytes: 1000 });
    const c = SharedBudget.open(name);
    a.reserve(990);
    expect([b.tryReserve(11), c.tryReserve(10), b.limitBytes]).toEqual([false, true, 1000]);
    expect(codeOf(() => SharedBudget.open(name))).toBe('ERR_MEMORY_POOL_EXHAUSTED');
    c.release(10);
    c.close();
    expect(codeOf(() => SharedBudget.open(name, { limitBytes: 500 }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    a.release(990);
    a.close();
    b.close();
    const again = SharedBudget.open(name, { limitBytes: 500 }); // nobody was there
    expect([again.limitBytes, again.usedBytes]).toEqual([500, 0]);
    SharedBudget.unlink(name);
    expect(codeOf(() => SharedBudget.open(name))).toBe('ERR_MEMORY_SYSCALL');
    again.close();
  });

  it('lets several set a new limit that come at once, after all others have gone', () => {
    SharedBudget.open(name, { limitBytes: 1000 }).close();
    const first = SharedBudget.open(name);
    expect(codeOf(() => SharedBudget.open(name, { limitBytes: 500 }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    const region = Region.open(name);
    const words = new Int32Array(region.buffer);
    words[areaOf(64, 1) + AREA.agreed] = 0; // as if it were still about to set it
    const second = SharedBudget.open(name, { limitBytes: 500 });
    expect([first.limitBytes, second.limitBytes]).toEqual([500, 500]);
    expect(codeOf(() => SharedBudget.open(name, { limitBytes: 1000 }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(first.limitBytes).toBe(500);
    for (const budget of [first, second]) budget.close();
    region.free();
  });

  it('finishes what somebody began and did not live to finish', () => {
    const begun = Region.shared(20_000, { name });
    expect(codeOf(() => SharedBudget.open(name))).toBe('ERR_MEMORY_CORRUPTION');
    const a = SharedBudget.open(name, { limitBytes: 1000 });
    const b = SharedBudget.open(name);
    a.reserve(1000);
    expect(b.tryReserve(1)).toBe(false);
    a.release(1000);
    a.close();
    b.close();
    begun.free();
  });

  it('refuses memory of something else', () => {
    for (const bytes of [1, 4096, 100_000]) {
      const other = Region.shared(bytes, { name });
      other.bytes.fill(0xa5);
      expect(codeOf(() => SharedBudget.open(name, { limitBytes: 10 }))).toBe('ERR_MEMORY_CORRUPTION');
      other.free();
      Region.unlink(name);
    }
  });
});
