import { CachedProvider, HugePageProvider, SharedProvider } from '../../../lib/allocators/providers';
import { freePoolPages, withHugePool } from '../../support/huge-pool';
import { codeOf, FakeTime, MIB } from './support';

const free = freePoolPages;

withHugePool('with 8 pages of 2 MiB in the pool', 8, () => {
  let had = 0;
  beforeAll(() => {
    had = free();
  });

  it('regions lie on them, and give them back', () => {
    const huge = new HugePageProvider('2MiB', { strict: true });
    const region = huge.acquire(2 * MIB + 1);
    expect([region.byteLength, region.placement.got.pages, region.placement.fallbacks]).toEqual([4 * MIB, '2MiB', []]);
    expect(free()).toBe(had - 2);
    huge.release(region);
    expect([free(), huge.stats().fellBack]).toEqual([had, 0]);
  });

  it('when they run out the next region says so', () => {
    const huge = new HugePageProvider('2MiB');
    const all = huge.acquire(had * 2 * MIB);
    const more = huge.acquire(1);
    expect(more.placement.fallbacks[0]).toMatchObject({ code: 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE' });
    expect(huge.stats()).toMatchObject({ fellBack: 1, liveRegions: 2 });
    const strict = new HugePageProvider('2MiB', { strict: true });
    expect(codeOf(() => strict.acquire(1))).toBe('ERR_MEMORY_HUGE_PAGES_UNAVAILABLE');
    expect(strict.tryAcquire(1)?.byteLength ?? null).toBeNull();
    huge.release(all);
    huge.release(more);
  });

  it('a cache keeps them whole, shows nothing through, and gives them back in the end', () => {
    const time = new FakeTime();
    const huge = new HugePageProvider('2MiB', { strict: true });
    const cache = new CachedProvider(huge, { clock: time, timer: time.timer });
    const first = cache.acquire(4 * MIB);
    const view = first.bytes;
    view.fill(1);
    cache.release(first);
    const second = cache.acquire(4 * MIB);
    expect(second.bytes.every((byte) => byte === 0)).toBe(true);
    second.bytes.fill(2);
    expect(view.length === 0 || view.every((byte) => byte === 0)).toBe(true);
    expect([second.placement.got.pages, cache.stats().hits, free()]).toEqual(['2MiB', 1, had - 2]);
    cache.release(second);
    time.pass(5000);
    expect([0, 4 * MIB]).toContain(cache.stats().cachedBytes);
    time.pass(6000);
    expect([cache.stats().cachedBytes, free()]).toEqual([0, had]);
  });

  it('shared memory lies on them too', () => {
    const shared = new SharedProvider({ pages: '2MiB', strict: true });
    const region = shared.acquire(1);
    expect([region.byteLength, region.placement.got.pages, free()]).toEqual([2 * MIB, '2MiB', had - 1]);
    shared.release(region);
    expect(free()).toBe(had);
  });
});
