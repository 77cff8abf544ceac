// Callbacks that call their pool: its books are exact at every call, and nothing is handed out twice.
import { HierarchicalPool, LocalPool, ObjectPool, type Pool, PriorityPool, TtlPool } from '../../lib/pools';
import { expectBooks, wrongBooks } from './pool-books';

const create = (): object => ({});

const POOLS: readonly (readonly [name: string, make: (callbacks: object) => Pool<object>])[] = [
  ['ObjectPool', (callbacks) => new ObjectPool(create, { maxSize: 4, callbacks })],
  ['LocalPool', (callbacks) => new LocalPool(create, { maxSize: 4, callbacks })],
  ['TtlPool', (callbacks) => new TtlPool(create, { maxSize: 4, timer: false, callbacks })],
  ['PriorityPool', (callbacks) => new PriorityPool(create, { maxSize: 4, callbacks })],
  [
    'HierarchicalPool',
    (callbacks) => new HierarchicalPool(create, { maxSize: 8, callbacks }).child('a').child('b', { maxSize: 4 }),
  ],
];
const CALLBACKS = ['onCreate', 'onAcquire', 'onRelease', 'onDispose'] as const;

/** What a callback does to the pool that calls it. */
const DEEDS: Record<string, (pool: Pool<object>, object: object, out: Set<object>, wrong: string[]) => void> = {
  'acquires and keeps': (pool, _, out, wrong) => {
    const more = pool.tryAcquire();
    if (more === undefined) return;
    if (out.has(more)) wrong.push('lent twice');
    out.add(more);
  },
  'acquires and releases': (pool) => {
    const more = pool.tryAcquire();
    if (more !== undefined) pool.release(more);
  },
  'releases its own object': (pool, object) => pool.release(object),
  'detaches its own object': (pool, object) => void pool.detach(object),
  'destroys its own object': (pool, object) => pool.destroy(object),
  'clears the pool': (pool) => void pool.clear(),
  'closes the pool': (pool) => pool.close(),
};

describe.each(POOLS)('%s', (_, make) => {
  it.each(CALLBACKS.flatMap((name) => Object.keys(DEEDS).map((deed) => [name, deed] as const)))(
    'stands an %s that %s',
    (name, deed) => {
      const out = new Set<object>();
      const wrong: string[] = []; // what a callback throws, an assertion too, would go no further
      let calls = 0;
      let depth = 0;
      const callback = (object: object): void => {
        if (depth > 3) return;
        depth += 1;
        calls += 1;
        try {
          wrong.push(...wrongBooks(pool.stats(), false));
          DEEDS[deed]?.(pool, object, out, wrong);
        } finally {
          wrong.push(...wrongBooks(pool.stats(), false));
          depth -= 1;
        }
      };
      const pool = make({ [name]: callback });
      const attempt = (work: () => void): void => {
        try {
          work();
        } catch {
          // At the bound, closed, or taken by the callback.
        }
      };
      for (let round = 0; round < 20; round += 1) {
        attempt(() => {
          const got = pool.acquire();
          if (out.has(got)) wrong.push('lent twice');
          out.add(got);
        });
        const [first] = out;
        if (round % 3 === 0 || first === undefined) continue;
        out.delete(first);
        attempt(() => (round % 7 === 0 ? pool.destroy(first) : pool.release(first)));
        if (round % 5 === 0) attempt(() => void pool.clear());
        expectBooks(pool.stats());
        expect(pool.borrowed).toBe(out.size);
      }
      depth = Number.POSITIVE_INFINITY; // no more deeds
      for (const object of out) pool.release(object);
      pool.close();
      expect(pool.stats().size).toBe(pool.borrowed);
      expect(wrong).toEqual([]);
      expect(calls).toBeGreaterThan(0);
    },
  );
});
