import { isMemoryError } from '../../../lib/core';
import { HierarchicalPool, ObjectPool } from '../../../lib/pools';
import { checkTree, codeOf, levelOf, numbered, type Thing } from './support';

const tree = (maxSize: number | null = 8) => {
  const root = new HierarchicalPool<Thing>(numbered(), { name: 'root', maxSize });
  return { root, checked: () => checkTree(root) };
};
const fill = (pool: HierarchicalPool<Thing>): Thing[] => {
  const all: Thing[] = [];
  for (let one = pool.tryAcquire(); one !== undefined; one = pool.tryAcquire()) all.push(one);
  return all;
};

describe('HierarchicalPool', () => {
  it('lends through any number of levels, within the limit of each', () => {
    const { root, checked } = tree(8);
    const a = root.child('a', { maxSize: 5 });
    const b = a.child('b', { maxSize: 4 });
    const c = b.child('c', { maxSize: 3 });
    const out = fill(c);
    expect(out.map(({ id }) => id)).toEqual([1, 2, 3]);
    for (const pool of [root, a, b, c]) expect([pool.borrowed, pool.size]).toEqual([3, 3]);
    checked();
    expect([fill(b).length, fill(a).length, fill(root).length]).toEqual([1, 1, 3]);
    expect([root.size, a.size, b.size, c.size]).toEqual([8, 5, 4, 3]);
    checked();
    expect(c.name).toBe('root/a/b/c');
  });

  it('gives a child half of its parent by default, and at least one', () => {
    const { root } = tree(8);
    const half = root.child('half');
    const quarter = half.child('quarter');
    expect([half.maxSize, quarter.maxSize, quarter.child('x').child('y').child('z').maxSize]).toEqual([4, 2, 1]);
    expect(root.child('all', { maxSize: null }).maxSize).toBe(8);
    expect(tree(null).root.child('unbounded').maxSize).toBeNull();
    expect(fill(half)).toHaveLength(4);
  });

  it('lends its own idle objects first, then those of the nearest level above', () => {
    const { root, checked } = tree(8);
    const child = root.child('child', { maxSize: 4, keepIdle: 1 });
    const [first, second] = [child.acquire(), child.acquire()];
    const third = root.acquire();
    child.release(first); // stays
    child.release(second); // goes home
    root.release(third);
    expect(root.hierarchyStats().perLevel.map(({ ownIdle }) => ownIdle)).toEqual([2, 1]);
    checked();
    expect([child.acquire(), child.acquire(), child.acquire()]).toEqual([first, third, second]);
    expect(child.stats()).toMatchObject({ acquires: 5, hits: 1, misses: 4 });
    checked();
  });

  it('keeps no more idle objects, on all levels together, than the root says', () => {
    const root = new HierarchicalPool<Thing>(numbered(), { maxSize: 8, maxIdle: 3 });
    const [a, b] = [root.child('a'), root.child('b')];
    for (const pool of [a, b]) for (const one of fill(pool)) pool.release(one);
    expect([root.idle, root.size, a.idle + b.idle, root.stats().disposals]).toEqual([3, 3, 3, 2 * 4 - 3]);
    checkTree(root);
  });

  it('names the level that has nothing left, with its limit and use', () => {
    const { root } = tree(4);
    const child = root.child('child', { maxSize: 3 });
    const deep = child.child('deep', { maxSize: 3 });
    child.acquire();
    fill(deep);
    const told = (pool: HierarchicalPool<Thing>): unknown => {
      try {
        return pool.acquire();
      } catch (error) {
        return isMemoryError(error, 'ERR_MEMORY_POOL_EXHAUSTED') && [error.source, error.message];
      }
    };
    expect(told(deep)).toEqual([
      'root/child',
      "root/child/deep.acquire: level 'root/child' has all 3 of its objects in use: 3 lent there and below",
    ]);
    expect([deep.stats().refusals, child.stats().refusals, root.stats().refusals]).toEqual([2, 2, 0]);
    fill(root);
    expect(told(root)).toEqual([
      'root',
      "root.acquire: level 'root' has all 4 of its objects in use: 4 lent there and below",
    ]);
    expect([deep.stats().refusals, child.stats().refusals, root.stats().refusals]).toEqual([2, 2, 2]);
  });

  it('takes idle objects back from below when it has none left', () => {
    const { root, checked } = tree(4);
    const a = root.child('a', { maxSize: 4 });
    const b = a.child('b', { maxSize: 4 });
    const other = root.child('other', { maxSize: 4 });
    for (const one of fill(b)) b.release(one);
    expect([b.idle, root.idle, root.borrowed]).toEqual([4, 4, 0]);
    const out = fill(other); // nothing is made: all four come from b
    expect(out.map(({ id }) => id).sort()).toEqual([1, 2, 3, 4]);
    expect([a.size, b.size, other.size, root.stats().creates]).toEqual([0, 0, 4, 4]);
    checked();
  });

  it('takes back within the level that is at its limit, and from nowhere else', () => {
    const { root, checked } = tree(10);
    const team = root.child('team', { maxSize: 3 });
    const [a, b] = [team.child('a', { maxSize: 3 }), team.child('b', { maxSize: 3 })];
    for (const one of fill(a)) a.release(one);
    expect(fill(b)).toHaveLength(3);
    expect([a.size, b.size, team.size, root.stats().creates]).toEqual([0, 3, 3, 3]);
    expect([a.tryAcquire(), team.tryAcquire()]).toEqual([undefined, undefined]);
    expect(root.tryAcquire()).toBeDefined();
    checked();
  });

  it('reclaims when asked', () => {
    const { root, checked } = tree(8);
    const a = root.child('a', { maxSize: 8 });
    const b = a.child('b', { maxSize: 8 });
    for (const one of fill(b)) b.release(one);
    expect([a.reclaim(3), root.reclaim(2), root.reclaim(100), root.reclaim(1)]).toEqual([3, 2, 6, 0]);
    expect([root.hierarchyStats().perLevel.map(({ ownIdle }) => ownIdle), b.size]).toEqual([[8, 0, 0], 0]);
    checked();
    expect(codeOf(() => root.reclaim(-1))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  });

  it('lets an object go for good: every level has its place back', () => {
    const { root, checked } = tree(4);
    const child = root.child('child', { maxSize: 2 });
    const deep = child.child('deep', { maxSize: 2 });
    const [one] = fill(deep);
    deep.detach(one as Thing);
    for (const pool of [root, child, deep]) {
      expect([pool.borrowed, pool.size, pool.stats().detached]).toEqual([1, 1, 1]);
    }
    checked();
    expect(codeOf(() => deep.release(one as Thing))).toBe('ERR_MEMORY_FOREIGN_FREE');
    const next = deep.acquire();
    expect(deep.tryAcquire()).toBeUndefined();
    deep.destroy(next);
    expect([deep.size, child.size, root.size]).toEqual([1, 1, 1]);
    checked();
  });

  it('takes back only what that very level has lent', () => {
    const { root, checked } = tree(4);
    const [a, b] = [root.child('a'), root.child('b')];
    const deep = a.child('deep', { maxSize: 2 });
    const one = deep.acquire();
    for (const pool of [root, a, b]) {
      for (const call of [pool.release, pool.detach, pool.destroy]) {
        expect(codeOf(() => call.call(pool, one))).toBe('ERR_MEMORY_FOREIGN_FREE');
      }
    }
    checked();
    deep.release(one);
    expect(codeOf(() => deep.release(one))).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(codeOf(() => new ObjectPool(numbered()).release(deep.acquire()))).toBe('ERR_MEMORY_FOREIGN_FREE');
    checked();
  });

  it('closes a child with loans out: they go home as they come back', () => {
    const { root, checked } = tree(8);
    const child = root.child('child', { maxSize: 4 });
    const deep = child.child('deep', { maxSize: 3 });
    const [one, two, three] = fill(deep) as [Thing, Thing, Thing];
    const mine = child.acquire();
    deep.release(three);
    child.close();
    child.close();
    expect([child.closed, deep.closed, root.closed]).toEqual([true, true, false]);
    expect(
      root.hierarchyStats().perLevel.map(({ id, ownIdle, ownBorrowed, closed }) => [id, ownIdle, ownBorrowed, closed]),
    ).toEqual([
      ['root', 1, 0, false],
      ['root/child', 0, 1, true],
      ['root/child/deep', 0, 2, true],
    ]);
    for (const call of [() => child.acquire(), () => deep.tryAcquire(), () => deep.child('x')]) {
      expect(codeOf(call)).toBe('ERR_MEMORY_CLOSED');
    }
    expect(codeOf(() => root.child('child'))).toBe('ERR_MEMORY_INVALID_ARGUMENT'); // its name is not free yet
    checked();
    deep.release(one);
    deep.release(two);
    checked();
    expect(root.hierarchyStats().perLevel.map(({ id }) => id)).toEqual(['root', 'root/child']);
    child.release(mine);
    expect(root.hierarchyStats()).toMatchObject({ levels: 1, totalObjects: 4, totalBorrowed: 0 });
    expect([root.idle, root.stats().disposals]).toEqual([4, 0]); // nothing was ended
    expect(fill(root.child('child')).length).toBe(4);
    checked();
  });

  it('closes at the root: everything ends, what is lent when it comes back', () => {
    const ended: Thing[] = [];
    const root = new HierarchicalPool<Thing>({ create: numbered(), dispose: (thing) => void ended.push(thing) });
    const child = root.child('child');
    const deep = child.child('deep');
    const [one, two] = [deep.acquire(), deep.acquire()];
    deep.release(one);
    root.close();
    expect([ended, child.closed, deep.closed, root.closed]).toEqual([[one], true, true, true]);
    expect(codeOf(() => deep.acquire())).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => root.acquire())).toBe('ERR_MEMORY_CLOSED');
    deep.release(two);
    expect(ended).toEqual([one, two]);
    expect(root.stats()).toMatchObject({ size: 0, borrowed: 0, disposals: 2 });
    checkTree(root);
    expect(root.hierarchyStats().levels).toBe(1);
  });

  it('shows a failure of the root’s factory through three levels, and no place is lost', () => {
    let fails = true;
    const root = new HierarchicalPool<Thing>(
      () => {
        if (fails) throw new Error('no object today');
        return { id: 1 };
      },
      { maxSize: 3 },
    );
    const deep = root.child('a', { maxSize: 3 }).child('b', { maxSize: 3 }).child('c', { maxSize: 3 });
    for (let at = 0; at < 10; at += 1) expect(() => deep.acquire()).toThrow('no object today');
    expect(() => deep.tryAcquire()).toThrow('no object today');
    expect(deep.stats()).toMatchObject({ size: 0, refusals: 11, creates: 0 });
    checkTree(root);
    fails = false;
    expect(fill(deep)).toHaveLength(3);
    checkTree(root);
  });

  it('runs each hook once a loan, wherever the object stays', () => {
    const ran: string[] = [];
    const root = new HierarchicalPool<Thing>({
      create: numbered(),
      reset: ({ id }) => void ran.push(`reset ${id}`),
      validate: ({ id }) => ran.push(`validate ${id}`) > 0,
    });
    const deep = root.child('a').child('b', { keepIdle: 1 });
    const [one, two] = [deep.acquire(), deep.acquire()];
    deep.release(one);
    deep.release(two);
    root.reclaim(5);
    deep.acquire();
    expect(ran).toEqual(['reset 1', 'reset 2', 'validate 1']);
  });

  it('keeps its limits when callbacks take the places meanwhile', () => {
    const extra: Thing[] = [];
    const take = (): void => {
      const more = deep.tryAcquire();
      if (more !== undefined) extra.push(more);
    };
    const root = new HierarchicalPool<Thing>(
      { create: numbered(), validate: () => false },
      { maxSize: 8, callbacks: { onDispose: take } },
    );
    const deep = root.child('child').child('deep', { maxSize: 1 });
    deep.release(deep.acquire());
    expect(deep.tryAcquire()).toBeUndefined(); // the unfit one made room, and that was taken
    expect([extra.map(({ id }) => id), deep.borrowed, deep.size]).toEqual([[2], 1, 1]);
    checkTree(root);
    deep.release(extra.pop() as Thing);
    expect(codeOf(() => deep.acquire())).toBe('ERR_MEMORY_POOL_EXHAUSTED');
    expect([extra.length, deep.size]).toEqual([1, 1]);
    checkTree(root);
  });

  it('gives nothing out of a child that a hook closes meanwhile', () => {
    let closing: HierarchicalPool<Thing> | undefined;
    const make = numbered();
    const root = new HierarchicalPool<Thing>(
      () => {
        closing?.close();
        return make();
      },
      { maxSize: 8 },
    );
    const child = root.child('child');
    closing = child;
    expect(codeOf(() => child.acquire())).toBe('ERR_MEMORY_CLOSED');
    expect([root.idle, root.borrowed, levelOf(root).children.size]).toEqual([1, 0, 0]);
    checkTree(root);
  });

  it('lends by lease and by use()', async () => {
    const { root, checked } = tree(4);
    const deep = root.child('a').child('b');
    {
      using lease = deep.lease();
      expect([lease.value, root.borrowed]).toEqual([{ id: 1 }, 1]);
    }
    expect(root.borrowed).toBe(0);
    const lease = deep.lease();
    deep.release(lease.value);
    expect(codeOf(() => lease.release())).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(deep.use(({ id }) => id)).toBe(1);
    expect(await deep.use(async ({ id }) => id + 1)).toBe(2);
    expect(() =>
      deep.use(() => {
        throw new Error('work');
      }),
    ).toThrow('work');
    const taken = deep.lease();
    expect(taken.detach()).toEqual({ id: 1 });
    deep.lease().destroy();
    expect([root.size, root.borrowed]).toEqual([0, 0]);
    checked();
  });

  it('says who holds what', () => {
    const root = new HierarchicalPool<Thing>(numbered(), { traceBorrowers: true });
    const deep = root.child('a').child('b');
    const one = deep.acquire();
    expect(root.leaks().map(({ object }) => object)).toEqual([one]);
    expect(root.leaks()[0]?.site).toContain('hierarchical-pool.test');
    expect([deep.leaks().length, root.child('other').leaks().length]).toEqual([1, 0]);
  });

  it('refuses bad arguments', () => {
    const { root } = tree(4);
    root.child('taken');
    const calls: [() => unknown, string][] = [
      [() => new HierarchicalPool(undefined as never), 'ERR_MEMORY_INVALID_ARGUMENT'],
      [() => new HierarchicalPool(numbered(), { maxsize: 3 } as never), 'ERR_MEMORY_INVALID_ARGUMENT'],
      [() => root.child(''), 'ERR_MEMORY_INVALID_ARGUMENT'],
      [() => root.child('taken'), 'ERR_MEMORY_INVALID_ARGUMENT'],
      [() => root.child('x', { maxSize: 0 }), 'ERR_MEMORY_OUT_OF_RANGE'],
      [() => root.child('x', { keepIdle: -1 }), 'ERR_MEMORY_OUT_OF_RANGE'],
      [() => root.child('x', { max: 1 } as never), 'ERR_MEMORY_INVALID_ARGUMENT'],
    ];
    for (const [call, code] of calls) expect(codeOf(call)).toBe(code);
    expect(root.hierarchyStats().perLevel).toHaveLength(2);
  });
});
