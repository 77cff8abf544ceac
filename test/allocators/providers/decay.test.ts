import { CacheStore, sizeClassOf } from '../../../lib/allocators/providers/cache-store';
import { DECAY_STEPS, DecayCurve } from '../../../lib/allocators/providers/decay';
import { Region } from '../../../lib/platform';

describe('the curve', () => {
  it('falls from all to nothing, half in the middle', () => {
    const curve = new DecayCurve(DECAY_STEPS, 0);
    curve.add(1000);
    const seen: number[] = [curve.limitBytes()];
    for (let step = 1; step <= DECAY_STEPS; step++) {
      expect(curve.advance(step)).toBe(true);
      seen.push(curve.limitBytes());
    }
    expect(seen[0]).toBe(1000);
    expect(seen[DECAY_STEPS / 2]).toBeCloseTo(500, 6);
    expect(seen[DECAY_STEPS]).toBe(0);
    for (let i = 1; i < seen.length; i++) expect(seen[i]).toBeLessThan(seen[i - 1] as number);
  });

  it('moves on in whole steps, and by any number of them', () => {
    const curve = new DecayCurve(6400, 50);
    curve.add(100);
    expect([curve.advance(149), curve.advance(40), curve.advance(Number.NaN)]).toEqual([false, false, false]);
    expect([curve.advance(150), curve.limitBytes() < 100]).toEqual([true, true]);
    expect(curve.advance(1e12)).toBe(true);
    expect(curve.limitBytes()).toBe(0);
    const at = curve.add(100);
    curve.take(at, 40);
    expect(curve.limitBytes()).toBe(60);
    curve.take(at, 1000);
    expect(curve.limitBytes()).toBe(0);
  });

  it('forgets what was taken out, whenever it came', () => {
    const curve = new DecayCurve(DECAY_STEPS, 0);
    const first = curve.add(100);
    curve.advance(10);
    const second = curve.add(100);
    curve.take(first, 100);
    expect(curve.limitBytes()).toBe(100);
    curve.advance(10 + DECAY_STEPS);
    curve.add(5);
    curve.take(second, 100); // faded long ago, and its place is another's
    expect(curve.limitBytes()).toBe(5);
  });
});

describe('size classes', () => {
  it('grow with the size, eight a doubling', () => {
    let last = 0;
    for (let units = 1; units <= 4096; units++) {
      const sizeClass = sizeClassOf(units);
      expect(sizeClass - last === 0 || sizeClass - last === 1).toBe(true);
      last = sizeClass;
    }
    expect(sizeClassOf(2 ** 40) - sizeClassOf(2 ** 39)).toBe(8);
  });

  it('find what fits within a quarter, and nothing else', () => {
    const region = Region.map(1);
    for (const units of [1, 3, 5, 15, 16, 17, 40, 64, 100, 1000]) {
      for (let kept = 1; kept <= 1300; kept++) {
        const store = new CacheStore(4096);
        store.add(region, kept * 4096, 0);
        const fits = kept >= units && kept * 4 <= units * 5;
        expect([units, kept, store.find(units * 4096) !== undefined]).toEqual([units, kept, fits]);
      }
    }
    region.free();
  });
});
