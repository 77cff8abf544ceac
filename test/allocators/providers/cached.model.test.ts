import * as fc from 'fast-check';
import { CachedProvider } from '../../../lib/allocators/providers';
import type { Region } from '../../../lib/platform';
import { FakeTime, Flaky, PAGE, TestBudget } from './support';

type Step =
  | { readonly kind: 'acquire'; readonly pages: number }
  | { readonly kind: 'release'; readonly which: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'trim'; readonly pages: number }
  | { readonly kind: 'fail'; readonly what: 'acquire' | 'release' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('acquire' as const),
      pages: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 300 })),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('release' as const), which: fc.nat(1000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 700 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('trim' as const), pages: fc.nat(300) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('fail' as const), what: fc.constantFrom('acquire', 'release') }),
  },
);

const MAX = 400 * PAGE;
const LIMIT = 1500 * PAGE;
const ZEROS = Buffer.alloc(400 * PAGE);

function run(steps: readonly Step[], reuse: 'safe' | 'fast', zero: boolean): void {
  const time = new FakeTime();
  const upstream = new Flaky();
  const budget = new TestBudget(LIMIT);
  const cache = new CachedProvider(upstream, {
    reuse,
    zero,
    budget,
    decayMs: 1000,
    maxCachedBytes: MAX,
    unitBytes: 16 * PAGE,
    clock: time,
    timer: time.timer,
  });
  const live: { region: Region; stamp: number }[] = [];
  const stale: { view: Uint8Array; of: Region }[] = [];
  let stamp = 0;
  const release = (index: number): void => {
    const [entry] = live.splice(index, 1);
    if (entry === undefined) return;
    const view = entry.region.bytes;
    cache.release(entry.region);
    stale.push({ view, of: entry.region });
    if (stale.length > 20) stale.shift();
  };
  for (const each of steps) {
    if (each.kind === 'acquire') {
      const region = cache.tryAcquire(each.pages * PAGE - 7);
      if (region === null) continue;
      const { bytes } = region;
      if (region.byteLength < each.pages * PAGE - 7) throw new Error('too small');
      if (region.byteLength > Math.max(1.25 * each.pages, each.pages) * PAGE) throw new Error('too large');
      if (zero && !ZEROS.subarray(0, bytes.length).equals(bytes)) throw new Error('not zeroed');
      stamp = (stamp % 250) + 1;
      bytes.fill(stamp);
      live.push({ region, stamp });
    } else if (each.kind === 'release') {
      upstream.failRelease = 0;
      if (live.length > 0) release(each.which % live.length);
    } else if (each.kind === 'pass') {
      time.pass(each.ms);
    } else if (each.kind === 'trim') {
      const before = cache.stats().cachedBytes;
      const given = cache.trim(each.pages * PAGE);
      if (before - given !== cache.stats().cachedBytes) throw new Error('trim counts wrongly');
    } else if (each.what === 'acquire') upstream.failAcquire = 1;
    else upstream.failRelease = 1;

    for (const { region, stamp: mark } of live) {
      const { bytes } = region;
      if (bytes[0] !== mark || bytes.at(-1) !== mark || bytes[bytes.length >> 1] !== mark) {
        throw new Error('a holder lost its bytes');
      }
    }
    if (reuse === 'safe') {
      for (const { view } of stale) {
        if (view.length > 0 && (view[0] !== 0 || view.at(-1) !== 0)) throw new Error('a stale view shows bytes');
      }
    }
    const { liveBytes, liveRegions, cachedBytes, cachedRegions, acquired, hits, misses } = cache.stats();
    const mapped = upstream.live;
    const sum = live.reduce((total, { region }) => total + region.byteLength, 0);
    expect([liveBytes, liveRegions, acquired]).toEqual([sum, live.length, hits + misses]);
    expect(cachedBytes).toBeLessThanOrEqual(mapped - liveBytes);
    expect(cachedBytes === 0 || cachedRegions > 0).toBe(true);
    expect(budget.used).toBe(mapped);
    expect(mapped).toBeLessThanOrEqual(LIMIT);
    if (upstream.failRelease === 0) expect(cachedRegions === 0 || time.running).toBe(true);
  }
  upstream.failRelease = 0;
  upstream.failAcquire = 0;
  while (live.length > 0) release(0);
  time.pass(1100);
  expect(cache.stats()).toMatchObject({ liveBytes: 0, cachedBytes: 0, cachedRegions: 0 });
  expect([budget.used, upstream.live, time.running]).toEqual([0, 0, false]);
  cache.dispose();
}

describe.each(['safe', 'fast'] as const)('reuse %s', (reuse) => {
  test.each([true, false])('random programs keep the books and the bytes (zero: %p)', (zero) => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }), (steps) => run(steps, reuse, zero)),
      { numRuns: 25 },
    );
  });
});
