import fc from 'fast-check';
import {
  alignDown,
  alignUp,
  checkAlignment,
  checkedAdd,
  checkedMultiply,
  disposeAll,
  isPowerOfTwo,
  systemClock,
} from '../../lib/core';

const MAX = Number.MAX_SAFE_INTEGER;
const code = (name: string) => expect.objectContaining({ code: `ERR_MEMORY_${name}` });

describe('isPowerOfTwo', () => {
  it('is right for every power up to 2^52 and its neighbors', () => {
    for (let exponent = 0; exponent <= 52; exponent++) {
      const power = 2 ** exponent;
      expect(isPowerOfTwo(power)).toBe(true);
      expect(isPowerOfTwo(power + 1)).toBe(power === 1);
      expect(isPowerOfTwo(power - 1)).toBe(power === 2);
      if (exponent > 0) expect(isPowerOfTwo(power * 3)).toBe(false);
    }
  });

  it('is false for everything else', () => {
    const others: unknown[] = [
      0,
      -0,
      -1,
      -2,
      1.5,
      0.5,
      NaN,
      Infinity,
      2 ** 53,
      '4',
      4n,
      null,
      undefined,
      {},
      2 ** 31 + 2 ** 32,
    ];
    for (const value of others) expect(isPowerOfTwo(value as number)).toBe(false);
  });
});

describe('aligning', () => {
  it('works beyond 2^31 and 2^32', () => {
    expect(alignUp(2 ** 33 + 1, 4096)).toBe(2 ** 33 + 4096);
    expect(alignDown(2 ** 33 + 4095, 4096)).toBe(2 ** 33);
    expect(alignUp(1, 2 ** 40)).toBe(2 ** 40);
    expect(alignUp(0, 64)).toBe(0);
    expect(alignUp(5, 1)).toBe(5);
    expect(alignDown(MAX, 2 ** 52)).toBe(2 ** 52);
  });

  it('holds for all sizes and alignments', () => {
    const size = fc.integer({ min: 0, max: 2 ** 52 });
    const alignment = fc.integer({ min: 0, max: 50 }).map((exponent) => 2 ** exponent);
    fc.assert(
      fc.property(size, alignment, (value, step) => {
        const up = alignUp(value, step);
        const down = alignDown(value, step);
        expect(up % step).toBe(0);
        expect(down % step).toBe(0);
        expect(up >= value && up - value < step).toBe(true);
        expect(down <= value && value - down < step).toBe(true);
        expect(up === down || up - down === step).toBe(true);
      }),
    );
  });

  it('refuses bad alignments and sizes, and overflow', () => {
    for (const bad of [0, -8, 3, 12, 1.5, NaN, 2 ** 53])
      expect(() => alignUp(1, bad)).toThrow(code('INVALID_ALIGNMENT'));
    for (const bad of [-1, 0.5, NaN, Infinity, 2 ** 53]) expect(() => alignUp(bad, 8)).toThrow(code('OUT_OF_RANGE'));
    expect(() => alignUp('8' as unknown as number, 8)).toThrow(code('OUT_OF_RANGE'));
    expect(() => alignDown(Symbol('x') as unknown as number, 8)).toThrow(code('OUT_OF_RANGE'));
    expect(() => alignUp(MAX, 2)).toThrow(code('OVERFLOW'));
    expect(() => checkAlignment(8192, 4096)).toThrow(code('INVALID_ALIGNMENT'));
    expect(checkAlignment(4096, 4096)).toBe(4096);
  });
});

describe('checked arithmetic', () => {
  it('agrees with big integers', () => {
    const size = fc.oneof(fc.integer({ min: 0, max: MAX }), fc.integer({ min: 0, max: 2 ** 28 }), fc.constant(MAX));
    const run = (compute: () => number): number | string => {
      try {
        return compute();
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    const expected = (exact: bigint): number | string => (exact > BigInt(MAX) ? 'ERR_MEMORY_OVERFLOW' : Number(exact));
    fc.assert(
      fc.property(size, size, (a, b) => {
        expect(run(() => checkedAdd(a, b))).toBe(expected(BigInt(a) + BigInt(b)));
        expect(run(() => checkedMultiply(a, b))).toBe(expected(BigInt(a) * BigInt(b)));
      }),
    );
  });

  it('refuses what is no size', () => {
    for (const bad of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
      expect(() => checkedAdd(bad, 1)).toThrow(code('OUT_OF_RANGE'));
      expect(() => checkedMultiply(1, bad)).toThrow(code('OUT_OF_RANGE'));
    }
    expect(() => checkedAdd(MAX, 1)).toThrow(code('OVERFLOW'));
    expect(checkedMultiply(0, MAX)).toBe(0);
  });
});

describe('disposeAll', () => {
  it('goes backwards, reaches all, and reports errors', () => {
    const seen: number[] = [];
    const item = (n: number, fails = false): Disposable => ({
      [Symbol.dispose]: () => {
        seen.push(n);
        if (fails) throw new Error(`item ${n}`);
      },
    });
    disposeAll([item(1), item(2)]);
    expect(() => disposeAll([item(3), item(4, true), item(5)])).toThrow('item 4');
    expect(() => disposeAll([item(6, true), item(7, true)])).toThrow(code('INVALID_STATE'));
    expect(seen).toEqual([2, 1, 5, 4, 3, 7, 6]);
  });
});

it('the clock does not run backwards', () => {
  const first = systemClock.nowMs();
  expect(systemClock.nowMs()).toBeGreaterThanOrEqual(first);
});
