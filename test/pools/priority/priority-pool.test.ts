import * as fc from 'fast-check';
import { PriorityPool } from '../../../lib/pools';
import { checkBooks, codeOf, STEPS, Thing, things, World } from '../object/support';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 40);

function filled(priorities: readonly number[], options = {}): { pool: PriorityPool<Thing>; all: Thing[] } {
  const pool = new PriorityPool(things().hooks, options);
  const all = priorities.map(() => pool.acquire());
  all.forEach((thing, i) => {
    pool.release(thing, priorities[i]);
  });
  return { pool, all };
}

describe('both ends', () => {
  test('the best first, among equals the one that came back last', () => {
    const { pool, all } = filled([3, 9, 5, 9, 1]);
    expect([pool.highestPriority, pool.lowestPriority]).toEqual([9, 1]);
    const got = Array.from({ length: 5 }, () => pool.acquire());
    expect(got).toEqual([all[3], all[1], all[2], all[0], all[4]]);
    expect([pool.highestPriority, pool.lowestPriority]).toEqual([undefined, undefined]);
    expect(pool.acquire().id).toBe(5);
  });

  test('acquireLowest takes from the other end, among equals the longest idle', () => {
    const { pool, all } = filled([3, 9, 3, 5]);
    expect([pool.acquireLowest(), pool.acquireLowest(), pool.acquireLowest()]).toEqual([all[0], all[2], all[3]]);
    const { pool: full } = filled([], { maxSize: 1 });
    full.acquireLowest();
    expect(codeOf(() => full.acquireLowest())).toBe('ERR_MEMORY_POOL_EXHAUSTED');
  });

  test('atLeast takes nothing below, and leaves the others where they are', () => {
    const { pool, all } = filled([3, 200, 5]);
    expect(pool.acquire({ atLeast: 100 })).toBe(all[1]);
    expect(pool.tryAcquire({ atLeast: 6 })?.id).toBe(3); // a new one has 128
    expect(pool.tryAcquire({ atLeast: 129 })).toBeUndefined();
    expect(() => pool.acquire({ atLeast: 129 })).toThrow('no idle object has priority 129');
    expect(codeOf(() => pool.acquire({ atLeast: 129 }))).toBe('ERR_MEMORY_POOL_EXHAUSTED');
    expect(pool.acquire({})).toBe(all[2]);
    expect(pool.stats()).toMatchObject({ refusals: 3, idle: 1, creates: 4 });
    checkBooks(pool);
  });

  test('atLeast at the bound', () => {
    const { pool } = filled([1, 1], { maxSize: 2 });
    expect(pool.tryAcquire({ atLeast: 50 })).toBeUndefined();
    expect(() => pool.acquire({ atLeast: 50 })).toThrow('all 2 are in use; 0 of them are lent out');
  });
});

describe('maxIdle', () => {
  test('a better one takes the place of the lowest, a worse or equal one is ended', () => {
    const { pool, all } = filled([5, 7, 6, 5, 6], { maxIdle: 2 });
    // 5 7 stay; 6 replaces 5; 5 and the second 6 are ended
    expect(all.map((thing) => thing.disposed)).toEqual([1, 0, 0, 1, 1]);
    expect([pool.lowestPriority, pool.highestPriority, pool.idle]).toEqual([6, 7, 2]);
    checkBooks(pool);
  });

  test('who releases hears of a dispose that failed', () => {
    const { hooks } = things();
    const pool = new PriorityPool(
      {
        ...hooks,
        dispose: () => {
          throw new Error('stuck');
        },
      },
      { maxIdle: 1 },
    );
    const [a, b] = [pool.acquire(), pool.acquire()];
    pool.release(a, 1);
    expect(() => pool.release(b, 2)).toThrow('stuck');
    expect(pool.acquire()).toBe(b);
    checkBooks(pool);
  });

  test('trim and clear begin at the lowest', () => {
    const { pool, all } = filled([5, 7, 6, 1]);
    expect(pool.trim(2)).toBe(2);
    expect(all.map((thing) => thing.disposed)).toEqual([1, 0, 0, 1]);
    expect(pool.clear()).toBe(2);
    expect(pool.lowestPriority).toBeUndefined();
  });
});

describe('priorities', () => {
  test('stay until another is given, by release or setPriority', () => {
    const { pool, all } = filled([5, 7]);
    expect(pool.acquire()).toBe(all[1]);
    pool.setPriority(all[1]!, 2); // lent
    pool.release(all[1]!);
    expect(pool.acquire()).toBe(all[0]);
    pool.release(all[0]!);
    pool.setPriority(all[1]!, 6); // idle
    expect([pool.priorityOf(all[0]!), pool.priorityOf(all[1]!), pool.highestPriority]).toEqual([5, 6, 6]);
    expect(pool.acquire()).toBe(all[1]);
    pool.release(all[1]!, -1.5);
    expect(pool.lowestPriority).toBe(-1.5);
    expect(new PriorityPool(() => ({}), { initialSize: 1, defaultPriority: 7 }).highestPriority).toBe(7);
  });

  test('what is wrong is refused and changes nothing', () => {
    const { pool, all } = filled([5]);
    const [thing] = all as [Thing];
    for (const bad of [Number.NaN, '5', null, {}]) {
      expect(codeOf(() => pool.setPriority(thing, bad as number))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      expect(codeOf(() => pool.acquire({ atLeast: bad as number }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
    expect(codeOf(() => pool.setPriority(thing, Infinity))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => pool.acquire({ least: 5 } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => pool.acquire(5 as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => pool.release(thing, 9))).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(codeOf(() => pool.setPriority(new Thing(1), 9))).toBe('ERR_MEMORY_FOREIGN_FREE');
    expect(codeOf(() => pool.priorityOf({} as Thing))).toBe('ERR_MEMORY_FOREIGN_FREE');
    expect(pool.priorityOf(thing)).toBe(5);
    const taken = pool.acquire();
    expect(codeOf(() => pool.release(taken, Number.NaN))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    pool.destroy(taken);
    expect(codeOf(() => pool.setPriority(taken, 1))).toBe('ERR_MEMORY_FOREIGN_FREE');
    expect(pool.size).toBe(0);
    expect(codeOf(() => new PriorityPool(() => ({}), { defaultPriority: 'x' as never }))).toBe(
      'ERR_MEMORY_INVALID_ARGUMENT',
    );
  });
});

describe('PriorityPool does what its books say', () => {
  test.each([false, true])('whatever hooks do, closed in between: %s', (closes) => {
    const more = fc.record(
      { maxSize: fc.integer({ min: 2, max: 8 }), maxIdle: fc.integer({ min: 0, max: 4 }) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(more, STEPS, (options, steps) => {
        const world = new World();
        const pool = new PriorityPool(world.hooks, options);
        world.pool = pool as never;
        for (const step of steps) {
          const mine = world.lent[step.which % Math.max(1, world.lent.length)];
          if (mine !== undefined && step.which % 3 === 0) pool.setPriority(mine, step.which % 11);
          world.step(step, closes);
          expect(pool.idle).toBeLessThanOrEqual(options.maxIdle ?? Number.POSITIVE_INFINITY);
        }
        world.end();
      }),
      { numRuns: RUNS },
    );
  });

  test('order, against a sorted list', () => {
    const step = fc.tuple(fc.constantFrom('acquire', 'lowest', 'atLeast', 'release', 'set'), fc.nat(9), fc.nat(99));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
        const pool = new PriorityPool(things().hooks, { maxIdle: 6, defaultPriority: 4 });
        const lent: Thing[] = [];
        const idle: { thing: Thing; priority: number; turn: number }[] = []; // lowest first, then longest idle
        let turns = 0;
        const insert = (thing: Thing, priority: number, turn: number) => {
          idle.push({ thing, priority, turn });
          idle.sort((a, b) => a.priority - b.priority || a.turn - b.turn);
        };
        for (const [kind, priority, which] of steps) {
          if (kind === 'acquire' || kind === 'lowest') {
            const wanted = kind === 'acquire' ? idle.pop() : idle.shift();
            const got = kind === 'acquire' ? pool.acquire() : pool.acquireLowest();
            if (wanted !== undefined) expect(got).toBe(wanted.thing);
            lent.push(got);
          }
          if (kind === 'atLeast') {
            const best = idle.at(-1);
            const got = pool.tryAcquire({ atLeast: priority });
            if (best !== undefined && best.priority >= priority) expect(got).toBe(idle.pop()!.thing);
            else expect(got === undefined).toBe(priority > 4);
            if (got !== undefined) lent.push(got);
          }
          if (kind === 'release' && lent.length > 0) {
            const [thing] = lent.splice(which % lent.length, 1);
            pool.release(thing!, priority);
            if (idle.length < 6 || priority > idle[0]!.priority) insert(thing!, priority, (turns += 1));
            if (idle.length > 6) expect(idle.shift()!.thing.disposed).toBe(1);
          }
          if (kind === 'set' && idle.length > 0) {
            const [found] = idle.splice(which % idle.length, 1);
            pool.setPriority(found!.thing, priority);
            insert(found!.thing, priority, found!.turn); // its return was when it was
          }
          expect([pool.idle, pool.lowestPriority, pool.highestPriority]).toEqual([
            idle.length,
            idle[0]?.priority,
            idle.at(-1)?.priority,
          ]);
        }
        checkBooks(pool);
      }),
      { numRuns: 60 },
    );
  });
});
