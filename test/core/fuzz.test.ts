import fc from 'fast-check';
import { isMemoryError, parseBytes, parseDuration } from '../../lib/core';

// Bounded and repeatable: the same texts at every run.
const RUNS = { numRuns: 3000, seed: 20_261_121 };

const pieces = fc.constantFrom(
  ...['0', '1', '9007199254740991', '9007199254740992', '1e3', '0x10', '-', '+', '.', ',', ' ', '\t', '\n', '\0', '_'],
  ...['KiB', 'kB', 'MiB', 'GB', 'TiB', 'PiB', 'EiB', 'B', 'k', 'ms', 'us', 's', 'm', 'min', 'h', 'd', '%'],
  ...['NaN', 'Infinity', '__proto__', 'constructor', 'toString', '٣', '１', 'ſ', '\u212a', '\ud800', '😀'],
  '9'.repeat(400),
  `0.${'0'.repeat(400)}1`,
);
const text = fc.oneof(
  { weight: 4, arbitrary: fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.double({ noNaN: true }), pieces).map(([number, unit]) => `${number}${unit}`),
  },
);
const value = fc.oneof({ weight: 8, arbitrary: text }, { weight: 2, arbitrary: fc.double() }, fc.anything());

function outcome(run: () => number): number | string {
  try {
    return run();
  } catch (error) {
    if (isMemoryError(error)) return error.code;
    throw error;
  }
}

const REFUSALS = ['ERR_MEMORY_INVALID_ARGUMENT', 'ERR_MEMORY_OUT_OF_RANGE'];

describe('fuzz', () => {
  test('parseBytes gives a whole number of bytes or one of two errors', () => {
    fc.assert(
      fc.property(value, (given) => {
        const got = outcome(() => parseBytes(given as string));
        if (typeof got === 'string') return REFUSALS.includes(got);
        return Number.isSafeInteger(got) && got >= 0 && !Object.is(got, -0);
      }),
      RUNS,
    );
  });

  test('parseDuration gives finite milliseconds or one of two errors', () => {
    fc.assert(
      fc.property(value, (given) => {
        const got = outcome(() => parseDuration(given as string));
        if (typeof got === 'string') return REFUSALS.includes(got);
        return got >= 0 && got <= Number.MAX_SAFE_INTEGER && !Object.is(got, -0);
      }),
      RUNS,
    );
  });
});
