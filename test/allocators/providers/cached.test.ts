import {
  CachedProvider,
  type CachedProviderOptions,
  PageProvider,
  SharedProvider,
} from '../../../lib/allocators/providers';
import { memory, Region } from '../../../lib/platform';
import { untilCollected } from '../../support/collected';
import { codeOf, FakeTime, Flaky, MIB, PAGE, residentBytes, TestBudget } from './support';

function make(options: CachedProviderOptions = {}, upstream: Flaky = new Flaky()) {
  const time = new FakeTime();
  const cache = new CachedProvider(upstream, { clock: time, timer: time.timer, ...options });
  return { time, upstream, cache };
}

/** Regions that came back, in order of their sizes. */
function fill(cache: CachedProvider, ...sizes: number[]): void {
  for (const region of sizes.map((size) => cache.acquire(size))) cache.release(region);
}

describe('reuse', () => {
  it('hands the same pages out again, zeroed, as another Region', () => {
    const { cache, upstream } = make();
    const first = cache.acquire(4 * PAGE);
    first.bytes.fill(9);
    cache.release(first);
    expect(first.state).toBe('freed');
    const second = cache.acquire(4 * PAGE);
    expect(second).not.toBe(first);
    expect(second.bytes.every((byte) => byte === 0)).toBe(true);
    expect(residentBytes(second)).toBe(4 * PAGE); // no new pages
    expect(cache.stats()).toMatchObject({ acquired: 2, released: 1, hits: 1, misses: 1, cachedBytes: 0 });
    expect(upstream.pages.stats().acquired).toBe(1);
    cache.release(second);
    cache.dispose();
    expect(upstream.live).toBe(0);
  });

  it('keeps the bytes with zero: false', () => {
    const { cache } = make({ zero: false });
    const first = cache.acquire(PAGE);
    first.bytes.fill(9);
    cache.release(first);
    const second = cache.acquire(PAGE);
    expect(second.bytes.every((byte) => byte === 9)).toBe(true);
    cache.release(second);
    cache.dispose();
  });

  it('takes the youngest that fits and is at most a quarter larger', () => {
    const { cache } = make();
    fill(cache, 20 * PAGE, 25 * PAGE, 26 * PAGE);
    const region = cache.acquire(20 * PAGE - 5);
    expect(region.byteLength).toBe(20 * PAGE);
    const larger = cache.acquire(20 * PAGE);
    expect(larger.byteLength).toBe(25 * PAGE);
    const fresh = cache.acquire(20 * PAGE);
    expect(fresh.byteLength).toBe(20 * PAGE);
    expect(cache.stats()).toMatchObject({ hits: 2, liveBytes: 65 * PAGE, cachedBytes: 26 * PAGE });
    for (const each of [region, larger, fresh]) cache.release(each);
    cache.dispose();
  });

  it('brings no page in to zero it, and forgets none', () => {
    const { cache } = make();
    const first = cache.acquire(8 * MIB);
    for (let i = 0; i < 4; i++) first.window(i * 2 * MIB, MIB).fill(5); // a part here and there
    cache.release(first);
    const second = cache.acquire(8 * MIB);
    expect(residentBytes(second)).toBe(4 * MIB);
    expect(second.bytes.every((byte) => byte === 0)).toBe(true);
    // Many runs: more there than not, and the other way round.
    for (let at = 0; at < 8 * MIB; at += 4 * PAGE) second.bytes.fill(6, at, at + 3 * PAGE);
    cache.release(second);
    const third = cache.acquire(8 * MIB);
    expect(third.bytes.every((byte) => byte === 0)).toBe(true);
    third.decommit();
    for (let at = 0; at < 8 * MIB; at += 4 * PAGE) third.bytes[at] = 7;
    cache.release(third);
    const fourth = cache.acquire(8 * MIB);
    expect(residentBytes(fourth)).toBe(0);
    expect(fourth.bytes.every((byte) => byte === 0)).toBe(true);
    cache.release(fourth);
    cache.dispose();
  });

  it('goes to upstream where the kept region turns out to be unfit', () => {
    const { cache, upstream } = make();
    fill(cache, PAGE);
    jest.spyOn(Region.prototype, 'zero').mockImplementationOnce(() => {
      throw new Error('faulted');
    });
    const region = cache.acquire(PAGE);
    expect(cache.stats()).toMatchObject({ hits: 0, cachedRegions: 0, liveRegions: 1 });
    expect(upstream.live).toBe(PAGE);
    cache.release(region);
    cache.dispose();
  });
});

describe('stale views', () => {
  const carriers = ['local', 'shared'] as const;
  test.each(carriers)('with reuse safe show nothing of the next holder (carrier %s)', (carrier) => {
    const cache = new CachedProvider(new PageProvider({ carrier }));
    for (const size of [PAGE, 64 * PAGE, 3 * MIB]) {
      const first = cache.acquire(size);
      const view = first.bytes;
      const window = first.window(8, 100);
      const transfer = (first.buffer as { transfer?: () => ArrayBuffer }).transfer;
      view.fill(1);
      const escaped = typeof transfer === 'function' ? new Uint8Array(transfer.call(first.buffer)) : new Uint8Array(0);
      cache.release(first);
      const second = cache.acquire(size);
      expect(cache.stats().hits).toBeGreaterThan(0);
      second.bytes.fill(2);
      for (const stale of [view, window, escaped]) {
        expect(stale.length === 0 || stale.every((byte) => byte === 0)).toBe(true);
      }
      for (const stale of [view, window, escaped]) if (stale.length > 0) stale.fill(3);
      expect(second.bytes.every((byte) => byte === 2)).toBe(true);
      expect(codeOf(() => first.bytes)).toBe('ERR_MEMORY_FREED');
      expect(codeOf(() => first.read(0, new Uint8Array(8)))).toBe('ERR_MEMORY_FREED');
      expect(codeOf(() => cache.release(first))).toBe('ERR_MEMORY_DOUBLE_FREE');
      cache.release(second);
    }
    cache.dispose();
  });

  it('with reuse fast stay, but the Region object does not', () => {
    const { cache } = make({ reuse: 'fast' });
    const first = cache.acquire(PAGE);
    const view = first.bytes;
    cache.release(first);
    expect(codeOf(() => cache.release(first))).toBe('ERR_MEMORY_DOUBLE_FREE');
    const second = cache.acquire(PAGE);
    expect(second.bytes).toBe(view);
    expect(codeOf(() => cache.release(first))).toBe('ERR_MEMORY_DOUBLE_FREE'); // and not the next holder's
    expect(codeOf(() => first.bytes)).toBe('ERR_MEMORY_FREED');
    cache.release(second);
    cache.dispose();
    expect(view.length === 0 || view[0] === 0).toBe(true);
  });

  test.each(['safe', 'fast'] as const)('a region whose handle is out is not kept (reuse %s)', (reuse) => {
    const cache = new CachedProvider(new SharedProvider(), { reuse });
    const region = cache.acquire(PAGE);
    const other = Region.attach(region.handle);
    other.bytes[0] = 1;
    cache.release(region);
    expect(cache.stats()).toMatchObject({ cachedRegions: 0, unkept: 1, liveRegions: 0 });
    const next = cache.acquire(PAGE);
    next.bytes[0] = 2;
    expect(other.bytes[0]).toBe(1);
    other.free();
    cache.release(next);
    expect(cache.stats().cachedRegions).toBe(1);
    cache.dispose();
  });

  test.each(['safe', 'fast'] as const)('a pinned region stays with its holder (reuse %s)', (reuse) => {
    const { cache, upstream } = make({ reuse });
    const region = cache.acquire(PAGE);
    const pin = region.pin();
    const before = cache.stats();
    expect(codeOf(() => cache.release(region))).toBe('ERR_MEMORY_IN_USE');
    expect(cache.stats()).toEqual(before);
    expect([region.state, upstream.live]).toEqual(['live', PAGE]);
    pin.release();
    cache.release(region);
    cache.dispose();
  });
});

describe('decay', () => {
  it('gives everything back over its time, little at first, most in the middle', () => {
    const { cache, time, upstream } = make({ decayMs: 6400 });
    fill(cache, ...Array.from({ length: 100 }, () => MIB));
    const shares: number[] = [];
    for (let at = 0; at < 10; at++) {
      shares.push(cache.stats().cachedBytes / MIB);
      time.pass(640);
    }
    expect(shares[0]).toBe(100);
    expect(shares[1]).toBeGreaterThan(95);
    expect(shares[5]).toBeGreaterThan(35);
    expect(shares[5]).toBeLessThan(65);
    expect(shares[9]).toBeLessThan(5);
    for (let i = 1; i < 10; i++) expect(shares[i]).toBeLessThanOrEqual(shares[i - 1] as number);
    expect(cache.stats()).toMatchObject({ cachedBytes: 0, cachedRegions: 0, decayedBytes: 100 * MIB });
    expect([time.running, upstream.live]).toEqual([false, 0]);
  });

  it('gives large regions back in huge pages, from their end', () => {
    const { cache, time, upstream } = make({ decayMs: 6400 });
    const big = cache.acquire(32 * MIB);
    big.bytes.fill(1);
    cache.release(big);
    time.pass(3200);
    const { cachedBytes, cachedRegions } = cache.stats();
    expect([cachedRegions, cachedBytes % (2 * MIB), upstream.live]).toEqual([1, 0, 32 * MIB]);
    expect(cachedBytes).toBeGreaterThan(8 * MIB);
    expect(cachedBytes).toBeLessThan(24 * MIB);
    const again = cache.acquire(32 * MIB);
    expect(residentBytes(again)).toBe(cachedBytes);
    expect(again.bytes.every((byte) => byte === 0)).toBe(true);
    cache.release(again);
    expect(cache.stats().cachedBytes).toBe(32 * MIB);
    cache.dispose();
  });

  it('keeps whole what was promised to be present', () => {
    const time = new FakeTime();
    const cache = new CachedProvider(new PageProvider({ populate: true }), { clock: time, timer: time.timer });
    fill(cache, 8 * MIB);
    time.pass(2000);
    const { cachedBytes } = cache.stats();
    expect([0, 8 * MIB]).toContain(cachedBytes);
    cache.dispose();
  });

  it('does not take what is used again and again', () => {
    const { cache, time } = make({ decayMs: 1000 });
    for (let i = 0; i < 400; i++) {
      fill(cache, MIB);
      time.pass(10);
    }
    expect(cache.stats()).toMatchObject({ hits: 399, misses: 1, decayedBytes: 0 });
    time.pass(1000);
    expect(cache.stats().cachedBytes).toBe(0);
  });

  it('takes the oldest first', () => {
    const { cache, time } = make({ decayMs: 1000 });
    fill(cache, 3 * PAGE);
    time.pass(500);
    fill(cache, 5 * PAGE);
    time.pass(400);
    expect(cache.stats()).toMatchObject({ cachedRegions: 1, cachedBytes: 5 * PAGE });
    cache.dispose();
  });

  it('catches up at the next release when the event loop was blocked', () => {
    const { cache, time } = make({ decayMs: 1000 });
    fill(cache, MIB, MIB, MIB);
    time.block(5000);
    fill(cache, PAGE);
    expect(cache.stats()).toMatchObject({ cachedBytes: PAGE, decayedBytes: 3 * MIB });
    cache.dispose();
  });

  it('runs one timer, and none when nothing is kept', () => {
    const { cache, time } = make();
    const region = cache.acquire(PAGE);
    expect(time.started).toBe(0);
    cache.release(region);
    fill(cache, PAGE, 2 * PAGE);
    expect([time.started, time.running]).toEqual([1, true]);
    cache.trim();
    expect(time.running).toBe(false);
    fill(cache, PAGE);
    expect([time.started, time.running]).toEqual([2, true]);
    cache.dispose();
    expect(time.running).toBe(false);
  });

  it('does not keep the process alive', () => {
    const spy = jest.spyOn(globalThis, 'setInterval');
    const cache = new CachedProvider();
    fill(cache, PAGE);
    const timers = spy.mock.results.map(({ value }) => value as NodeJS.Timeout);
    expect(timers.length).toBeGreaterThan(0);
    expect(timers.some((timer) => timer.hasRef())).toBe(false);
    cache.dispose();
    spy.mockRestore();
  });

  it('keeps for ever with null, and nothing with 0', () => {
    const forever = make({ decayMs: null });
    fill(forever.cache, MIB);
    forever.time.pass(1e9);
    expect(forever.cache.stats().cachedBytes).toBe(MIB);
    expect(forever.time.started).toBe(0);
    forever.cache.dispose();
    const never = make({ decayMs: 0 });
    fill(never.cache, MIB);
    expect(never.cache.stats()).toMatchObject({ cachedBytes: 0, unkept: 1 });
    never.cache.dispose();
  });

  it('survives an upstream that does not take regions back, and tries again', () => {
    const { cache, time, upstream } = make({ decayMs: 1000 });
    fill(cache, PAGE);
    upstream.failRelease = 1000;
    time.pass(1000);
    expect(cache.stats().cachedRegions).toBe(1);
    upstream.failRelease = 0;
    time.pass(100);
    expect(cache.stats()).toMatchObject({ cachedRegions: 0, decayedBytes: PAGE });
    expect([upstream.live, time.running]).toEqual([0, false]);
  });
});

describe('bounds', () => {
  it('keeps no more than maxCachedBytes, and the youngest', () => {
    const { cache, upstream } = make({ maxCachedBytes: 10 * PAGE });
    fill(cache, 4 * PAGE, 5 * PAGE);
    expect(cache.stats().cachedBytes).toBe(9 * PAGE);
    fill(cache, 3 * PAGE);
    expect(cache.stats()).toMatchObject({ cachedBytes: 8 * PAGE, evictedBytes: 4 * PAGE });
    fill(cache, 11 * PAGE);
    expect(cache.stats()).toMatchObject({ cachedBytes: 8 * PAGE, unkept: 1 });
    expect(upstream.live).toBe(8 * PAGE);
    cache.dispose();
  });

  it('trims to what is asked and says how much that was', () => {
    const { cache, upstream } = make();
    fill(cache, 4 * PAGE, 5 * PAGE, 8 * MIB);
    expect(cache.trim(8 * MIB)).toBe(9 * PAGE);
    expect(cache.trim(3 * MIB)).toBe(6 * MIB); // in huge pages
    expect(cache.stats()).toMatchObject({ cachedBytes: 2 * MIB, trimmedBytes: 9 * PAGE + 6 * MIB });
    expect(cache.trim(2 * MIB)).toBe(0);
    expect(cache.trim()).toBe(2 * MIB);
    expect(upstream.live).toBe(0);
  });

  it('counts nothing twice over another cache', () => {
    const { cache: lower } = make({ decayMs: null });
    const cache = new CachedProvider(lower, { decayMs: null });
    fill(cache, MIB, 2 * MIB);
    expect(cache.trim(2 * MIB)).toBe(MIB);
    expect(cache.trim()).toBe(2 * MIB);
    expect([lower.stats().cachedBytes, lower.stats().liveBytes]).toEqual([0, 0]);
    cache.dispose();
    lower.dispose();
  });

  it('gives up what is kept before it refuses', () => {
    const { cache, upstream } = make();
    fill(cache, MIB, 2 * MIB);
    upstream.failAcquire = 1;
    const region = cache.acquire(9 * MIB);
    expect(cache.stats()).toMatchObject({ cachedBytes: 0, failures: 0, evictedBytes: 3 * MIB });
    upstream.failAcquire = 1;
    expect(codeOf(() => cache.acquire(MIB))).toBe('ERR_MEMORY_OUT_OF_MEMORY'); // nothing left to give
    expect(cache.stats().failures).toBe(1);
    cache.release(region);
    upstream.failAcquire = 2;
    expect(cache.tryAcquire(100 * MIB)).toBeNull();
    cache.dispose();
  });
});

describe('a budget', () => {
  it('is charged for what is mapped, kept or handed out', () => {
    const budget = new TestBudget(10 * MIB);
    const { cache } = make({ budget });
    const region = cache.acquire(4 * MIB - 1);
    expect(budget.used).toBe(4 * MIB);
    cache.release(region);
    expect(budget.used).toBe(4 * MIB);
    const other = cache.acquire(7 * MIB); // gives up the kept ones first
    expect([budget.used, cache.stats().cachedBytes]).toEqual([7 * MIB, 0]);
    expect(codeOf(() => cache.acquire(4 * MIB))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    expect(budget.used).toBe(7 * MIB);
    cache.release(other);
    cache.dispose();
    expect(budget.used).toBe(0);
  });

  it('is exact whatever fails', () => {
    const budget = new TestBudget();
    const { cache, upstream } = make({ budget });
    upstream.failAcquire = 1;
    expect(codeOf(() => cache.acquire(MIB))).toBe('ERR_MEMORY_OUT_OF_MEMORY');
    expect([budget.used, cache.stats().liveRegions]).toEqual([0, 0]);
    const region = cache.acquire(MIB);
    upstream.failRenew = 'ERR_MEMORY_IN_USE';
    expect(codeOf(() => cache.release(region))).toBe('ERR_MEMORY_IN_USE');
    expect([budget.used, cache.stats().liveBytes, cache.stats().released]).toEqual([MIB, MIB, 0]);
    upstream.failRenew = 'ERR_MEMORY_INVALID_STATE';
    upstream.failRelease = 1;
    expect(codeOf(() => cache.release(region))).toBe('ERR_MEMORY_IN_USE');
    expect([budget.used, cache.stats().liveBytes, cache.stats().unkept]).toEqual([MIB, MIB, 0]);
    cache.release(region);
    expect([budget.used, upstream.live]).toEqual([0, 0]);
    upstream.failRenew = 'none';
    const own = cache.acquire(PAGE);
    own.free(); // by its holder
    cache.release(own);
    expect([budget.used, upstream.live, cache.stats().liveRegions]).toEqual([0, 0, 0]);
    cache.dispose();
  });
});

describe('the end', () => {
  it('is refused while regions are out, and when upstream refuses', () => {
    const { cache, upstream } = make();
    const regions = [cache.acquire(PAGE), cache.acquire(PAGE)];
    expect(() => cache.dispose()).toThrow(/2 regions of 8 KiB/);
    expect(codeOf(() => cache.dispose())).toBe('ERR_MEMORY_IN_USE');
    for (const region of regions) cache.release(region);
    upstream.failRelease = 1;
    expect(codeOf(() => cache.dispose())).toBe('ERR_MEMORY_IN_USE');
    expect(cache.disposed).toBe(false);
    cache.dispose();
    cache.dispose();
    expect([cache.disposed, upstream.live, cache.stats().cachedBytes]).toEqual([true, 0, 0]);
    expect(codeOf(() => cache.acquire(PAGE))).toBe('ERR_MEMORY_CLOSED');
    expect(cache.trim()).toBe(0);
  });
});

test.each([
  [{ maxCachedBytes: -1 }, 'ERR_MEMORY_OUT_OF_RANGE'],
  [{ maxCachedBytes: 'much' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ decayMs: -1 }, 'ERR_MEMORY_OUT_OF_RANGE'],
  [{ decayMs: 'soon' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ unitBytes: 0 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ unitBytes: 5000 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ reuse: 'quick' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ zero: 1 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ clock: {} }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ timer: 5 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ budget: {} }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ name: '' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ max: 1 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
])('options %p are refused', (options, code) => {
  expect(codeOf(() => new CachedProvider(undefined, options as never))).toBe(code);
});

test.each([null, 5, {}])('%p is no provider', (upstream) => {
  expect(codeOf(() => new CachedProvider(upstream as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});

it('presets differ as they say', () => {
  const debug = CachedProvider.debug();
  fill(debug, PAGE);
  expect(debug.stats().cachedRegions).toBe(0);
  const fast = CachedProvider.performance();
  const first = fast.acquire(PAGE);
  const view = first.bytes;
  view.fill(3);
  fast.release(first);
  const second = fast.acquire(PAGE);
  expect(second.bytes).toBe(view);
  expect(view[5]).toBe(3);
  fast.release(second);
  fast.dispose();
});

it('leaves no region behind', async () => {
  await untilCollected();
  const before = memory.totals().regions;
  const time = new FakeTime(); // by the real clock a stall between two releases fades the first one
  const cache = CachedProvider.production(undefined, { clock: time, timer: time.timer });
  fill(cache, PAGE, 3 * MIB, 70 * PAGE);
  expect(memory.totals().regions).toBe(before + 3);
  cache.dispose();
  expect(memory.totals().regions).toBe(before);
});
