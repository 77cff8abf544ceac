import { runInThisContext } from 'node:vm';
import { TrackedAllocator } from '../../lib/tracking';
import { captureKey } from '../../lib/tracking/tracked/stack';
import { ListAllocator } from './support/list-allocator';

/** The key of a stack whose nearest frame lies in a script of that name. */
function keyFrom(name: string): string {
  const call = runInThisContext('(probe) => probe()', { filename: name }) as (probe: () => string) => string;
  return call(function probe() {
    return captureKey(1, probe);
  });
}

test('names of scripts are kept up to a bound only, and known ones stay', () => {
  const first = keyFrom('script-first.js');
  expect(first).not.toBe('');
  expect(keyFrom('script-first.js')).toBe(first);
  expect(keyFrom('script-second.js')).not.toBe(first);
  let kept = 0;
  for (let number = 0; number < 10_100; number++) if (keyFrom(`script-${number}.js`) !== '') kept++;
  expect(kept).toBeGreaterThan(9000);
  expect(kept).toBeLessThan(10_000);
  expect(keyFrom('script-first.js')).toBe(first);
  expect(keyFrom('script-10099.js')).toBe('');

  // Past the bound places are told apart by the text of their stacks.
  const tracked = new TrackedAllocator(new ListAllocator(), { sampleInterval: 1 });
  for (const name of ['later-one.js', 'later-two.js', 'later-one.js']) {
    const call = runInThisContext('(pool) => pool.allocate(8)', { filename: name }) as (
      pool: TrackedAllocator,
    ) => number;
    call(tracked);
  }
  const places = tracked.leaks().sites.map(({ frames, allocations }) => `${frames[0]} ${allocations}`);
  expect(places).toEqual([expect.stringMatching(/later-one\.js.* 2$/), expect.stringMatching(/later-two\.js.* 1$/)]);
});
