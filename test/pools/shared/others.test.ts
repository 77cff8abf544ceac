import { ThreadSafePool } from '../../../lib/pools/shared';
import { runChild } from '../../platform/region/support';
import { FakeTime } from '../../support/fake-time';
import { Agent, type Mode } from './agents';
import { type AnyPool, code, KINDS, type Kind, take } from './support';

const MODES: Mode[] = ['threads', 'processes'];

/** Until so many wait. */
async function waiting(pool: ThreadSafePool, count: number): Promise<void> {
  while (pool.stats().waiting !== count) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe.each(MODES)('%s', (mode) => {
  const agents: Agent[] = [];
  const begin = async (kind: string, pool: AnyPool, still = false): Promise<Agent> => {
    const agent = await Agent.start(mode, kind, pool.handle, still);
    agents.push(agent);
    return agent;
  };
  afterEach(async () => {
    await Promise.all(agents.splice(0).map((agent) => agent.kill()));
  });

  test.each(Object.keys(KINDS))('hand loans of a %s to each other, without copying', async (name) => {
    using pool = (KINDS[name] as Kind).create({ slots: 2, slotBytes: 64 });
    const agent = await begin(name, pool);
    const lease = take(pool);
    lease.bytes.set([1, 2, 3, 4]);
    expect(await agent.do('adopt', lease.lease)).toBe(lease.slot);
    expect([await agent.do('read'), lease.held]).toEqual([[1, 2, 3, 4], false]);
    lease[Symbol.dispose]();
    expect(() => lease.release()).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    using back = pool.adopt((await agent.do('offer')) as never);
    expect(back.slot).toBe(lease.slot);
    await expect(agent.do('give')).rejects.toMatchObject({ code: 'ERR_MEMORY_STALE_HANDLE' });
  });

  test.each(Object.keys(KINDS))('that die give back what they held of a %s', async (name) => {
    using pool = (KINDS[name] as Kind).create({ slots: 3, slotBytes: 64 });
    const agent = await begin(name, pool);
    const slots = [await agent.do('take'), await agent.do('take')];
    const offered = (await agent.do('offer')) as never;
    const own = take(pool);
    await agent.kill();
    expect([...slots, own.slot].sort()).toEqual([0, 1, 2]);
    expect(pool.recover()).toEqual({ owners: 1, slots: 2 });
    expect(() => pool.adopt(offered)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    expect(pool.recover()).toEqual({ owners: 0, slots: 0 });
    expect(pool.stats()).toMatchObject({ owners: 1, borrowed: 1, idle: 2 });
    expect([take(pool).held, take(pool).held, pool.tryAcquire()]).toEqual([true, true, undefined]);
  });

  test('that die are found before acquire() refuses', async () => {
    for (const name of ['LockFreePool', 'WorkStealingPool'] as const) {
      using pool = (KINDS[name] as Kind).create({ slots: 1, slotBytes: 64 }) as AnyPool & { acquire(): unknown };
      const agent = await begin(name, pool);
      expect(await agent.do('take')).toBe(0);
      expect(() => pool.acquire()).toThrow(code('ERR_MEMORY_POOL_EXHAUSTED'));
      await agent.kill();
      expect(pool.acquire()).toMatchObject({ held: true });
    }
  });

  test('take over the share of one who died, and of one who lives', async () => {
    using pool = (KINDS['WorkStealingPool'] as Kind).create({ slots: 8, slotBytes: 64, shareSlots: 8 } as never);
    const agents = [await begin('WorkStealingPool', pool), await begin('WorkStealingPool', pool)];
    for (const agent of agents) {
      for (let i = 0; i < 4; i += 1) await agent.do('take');
    }
    for (const agent of agents) {
      for (let i = 0; i < 4; i += 1) await agent.do('give');
    }
    await agents[1]?.kill();
    // All of them lie in shares of others.
    const leases = Array.from({ length: 8 }, () => take(pool));
    expect(new Set(leases.map(({ slot }) => slot)).size).toBe(8);
    expect(pool.stats().stolen).toBeGreaterThanOrEqual(4);
  });

  test('that are blocked get what comes back, in the order in which they came', async () => {
    // Who does not look for a second is passed over: not in these times, which stand still.
    using pool = ThreadSafePool.create({ slots: 1, slotBytes: 64, clock: { nowMs: () => 1 } });
    const [first, second] = [await begin('ThreadSafePool', pool, true), await begin('ThreadSafePool', pool, true)];
    const held = take(pool);
    await first.block();
    await waiting(pool, 1);
    await second.block();
    await waiting(pool, 2);
    const mine = pool.acquire();
    held.release();
    expect(await first.outcome()).toBe(0);
    await first.do('give');
    expect(await second.outcome()).toBe(0);
    await second.do('give');
    using last = await mine;
    expect(last.slot).toBe(0);
  });

  test('are refused when they waited long enough, and nobody else is', async () => {
    using pool = ThreadSafePool.create({ slots: 1, slotBytes: 64 });
    const agent = await begin('ThreadSafePool', pool);
    const held = take(pool);
    await agent.block(20);
    await expect(agent.outcome()).rejects.toMatchObject({ code: 'ERR_MEMORY_TIMEOUT' });
    await expect(agent.do('wait', { deadlineMs: 20 })).rejects.toMatchObject({ code: 'ERR_MEMORY_TIMEOUT' });
    agent.tell('wait', {});
    await waiting(pool, 1);
    held.release();
    expect(await agent.outcome()).toBe(0);
  });

  test.each(['block', 'wait'])('that die while they %s are skipped', async (how) => {
    using pool = ThreadSafePool.create({ slots: 1, slotBytes: 64 });
    const agent = await begin('ThreadSafePool', pool);
    const held = take(pool);
    if (how === 'block') await agent.block();
    else agent.tell('wait', {});
    await waiting(pool, 1);
    const mine = pool.acquire({ deadlineMs: 170_000 });
    await agent.kill();
    held.release();
    (await mine).release();
    // Nobody waits any more: the way is open for who does not wait either.
    pool.recover();
    expect(pool.stats()).toMatchObject({ owners: 1, waiting: 0, borrowed: 0 });
    take(pool).release();
  });

  test('that die with a slot serve those who wait', async () => {
    const time = new FakeTime(); // in which the waiter is not passed over, however slow it is
    using pool = ThreadSafePool.create({ slots: 1, slotBytes: 64, clock: time });
    const [holder, waiter] = [await begin('ThreadSafePool', pool), await begin('ThreadSafePool', pool)];
    expect(await holder.do('take')).toBe(0);
    await waiter.block();
    await waiting(pool, 1);
    const mine = pool.acquire();
    await holder.kill();
    expect(await waiter.outcome()).toBe(0);
    await waiter.kill();
    time.advance(1000); // the dead are looked for again
    expect((await mine).slot).toBe(0);
  });

  test('that wait are refused when the pool is shut down, and drain sees the dead', async () => {
    using pool = ThreadSafePool.create({ slots: 2, slotBytes: 64 });
    const agents = await Promise.all([0, 1, 2].map(() => begin('ThreadSafePool', pool)));
    const [holder, blocked, waits] = agents as [Agent, Agent, Agent];
    await holder.do('take');
    const own = take(pool);
    await blocked.block();
    waits.tell('wait', {});
    await waiting(pool, 2);
    await holder.do('shutdown');
    await expect(blocked.outcome()).rejects.toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
    await expect(waits.outcome()).rejects.toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
    expect(() => pool.tryAcquire()).toThrow(code('ERR_MEMORY_CLOSED'));
    await expect(blocked.do('take')).rejects.toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
    waits.tell('drain');
    own.release();
    await holder.kill();
    await waits.outcome();
    await pool.drain();
    expect(pool.borrowed).toBe(0);
  });
});

test('who waits without a deadline keeps no process alive, with one it does', () => {
  const script = (options: string) => `
    const pool = nebula.ThreadSafePool.create({ slots: 1, slotBytes: 8 });
    const held = pool.tryAcquire();
    pool.acquire(${options}).then(() => console.log('served'), (error) => console.log(error.code));
    pool.drain().then(() => console.log('drained'));
  `;
  expect(runChild(script(''))).toMatchObject({ status: 0, signal: null, output: '' });
  expect(runChild(script('{ deadlineMs: 50 }'))).toMatchObject({ status: 0, output: 'ERR_MEMORY_TIMEOUT\n' });
});
