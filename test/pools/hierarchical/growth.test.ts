import { HierarchicalPool } from '../../../lib/pools';
import { checkTree } from './support';

// An object made ahead of a request belongs to the root; one that the pool refuses has no place anywhere.
describe('growth of a HierarchicalPool by what is no object of its own', () => {
  it.each([
    ['nothing', () => null],
    ['a number', () => 5],
    ['a promise', () => Promise.resolve({})],
    ['what is in the pool already', (first: object) => first],
    [
      'an error',
      () => {
        throw new Error('down');
      },
    ], // prettier-ignore
  ])('takes no place for it: %s', (_, second) => {
    const first = {};
    let made = 0;
    const create = (): object => {
      made += 1;
      if (made === 1) return first;
      return made === 2 ? (second(first) as object) : {};
    };
    const pool = new HierarchicalPool(create, { maxSize: 3, growth: { fixed: 2 } });
    expect(pool.acquire()).toBe(first);
    expect(pool.size).toBe(1);
    checkTree(pool);
    const rest = [pool.acquire(), pool.acquire()]; // the whole bound
    expect(pool.tryAcquire()).toBeUndefined();
    for (const object of [first, ...rest]) pool.destroy(object);
    checkTree(pool);
    expect(pool.size).toBe(0);
  });

  it('takes none for that of a child either, and its hooks see exact books', () => {
    let made = 0;
    const sizes: number[] = [];
    const root: HierarchicalPool<object> = new HierarchicalPool(
      () => {
        made += 1;
        return (made % 2 === 0 ? undefined : {}) as object;
      },
      { maxSize: 4, growth: { fixed: 2 }, callbacks: { onHookError: () => sizes.push(root.size) } },
    );
    const child = root.child('child', { maxSize: 2 });
    const out = [child.acquire(), child.acquire()];
    expect(sizes).toEqual([1, 2]);
    checkTree(root);
    for (const object of out) child.release(object);
    checkTree(root);
  });
});
