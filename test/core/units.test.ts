import fc from 'fast-check';
import {
  formatBytes,
  formatDuration,
  isMemoryError,
  type MemoryError,
  parseBytes,
  parseDuration,
} from '../../lib/core';

function caught(run: () => unknown): MemoryError {
  try {
    run();
  } catch (error) {
    if (isMemoryError(error)) return error;
    throw error;
  }
  throw new Error('did not throw');
}

describe('parseBytes', () => {
  it.each([
    [0, 0],
    [4096, 4096],
    [2 ** 53 - 1, 9007199254740991],
    ['0', 0],
    ['4096', 4096],
    ['17B', 17],
    ['64KiB', 65536],
    ['64 KiB', 65536],
    ['  2MiB ', 2097152],
    ['1GiB', 1073741824],
    ['1.5GiB', 1610612736],
    ['0.5KiB', 512],
    ['+1KiB', 1024],
    ['2TiB', 2199023255552],
    ['7PiB', 7881299347898368],
    ['4kB', 4000],
    ['500MB', 500000000],
    ['1.001GB', 1001000000],
    ['1TB', 1000000000000],
    ['9007199254740991', 9007199254740991],
    ['-0', 0],
  ])('reads %p as %p bytes', (given, expected) => {
    expect(parseBytes(given)).toBe(expected);
  });

  it.each([
    '',
    ' ',
    'KiB',
    'lots',
    '1e9',
    '0x10',
    '1,000',
    '1_000',
    '1..5KiB',
    '.5KiB',
    '5.KiB',
    'NaN',
    '1 2',
    '1KiB/s',
    '64kib',
    '64KB',
    '64k',
    '64K',
    '64mb',
    '64Mb',
    '64EiB',
    '64XiB',
    '64toString',
    '0.3B',
    '1.0001KiB',
    '٣KiB',
    '1\0',
    `${'9'.repeat(2000)}KiB`,
  ])('refuses %j', (given) => {
    expect(caught(() => parseBytes(given)).code).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it.each([-1, -0.5, Infinity, -Infinity, 2 ** 53, 1e300, '-1KiB', '8PiB', '9007199254740992', `${'9'.repeat(25)}PiB`])(
    'calls %p out of range',
    (given) => {
      expect(caught(() => parseBytes(given)).code).toBe('ERR_MEMORY_OUT_OF_RANGE');
    },
  );

  it.each([Number.NaN, 1.5, null, undefined, true, {}, [], 5n, Symbol('x'), () => 1, new Date()])(
    'refuses the value %p',
    (given) => {
      expect(caught(() => parseBytes(given as number)).code).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    },
  );

  it('says what would have been accepted and names both meanings of a loose unit', () => {
    const error = caught(() => parseBytes('64mb', 'limitBytes'));
    expect(error.message).toContain('limitBytes must be a whole number of bytes or a string such as');
    expect(error.hint).toBe("Did you mean '64MiB' (1024) or '64MB' (1000)?");
    expect(caught(() => parseBytes('64K')).hint).toBe("Did you mean '64KiB' (1024) or '64kB' (1000)?");
    expect(caught(() => parseBytes(1.5)).hint).toContain('such as 2');
  });

  it('holds the bounds it is given', () => {
    expect(parseBytes('1KiB', 'x', { minBytes: 1024, maxBytes: 1024 })).toBe(1024);
    const error = caught(() => parseBytes(1, 'chunkBytes', { minBytes: 64 }));
    expect(error).toMatchObject({ code: 'ERR_MEMORY_OUT_OF_RANGE', requestedBytes: 1, limitBytes: 64 });
    expect(caught(() => parseBytes('2KiB', 'x', { maxBytes: 2047 }))).toMatchObject({ limitBytes: 2047 });
  });

  it('never passes 2^53, even where the caller sets no bound', () => {
    const run = () => parseBytes('8PiB', 'x', { maxBytes: Number.POSITIVE_INFINITY });
    expect(caught(run).code).toBe('ERR_MEMORY_OUT_OF_RANGE');
  });

  it('never answers anything but a size or an error of ours, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double(), fc.anything()), (value) => {
        try {
          const bytes = parseBytes(value as string);
          return Number.isSafeInteger(bytes) && bytes >= 0;
        } catch (error) {
          return isMemoryError(error);
        }
      }),
    );
  });

  it('reads exact fractions exactly', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 33 }), (quarters) => {
        return parseBytes(`${quarters / 4}KiB`) === quarters * 256;
      }),
    );
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1, '1 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [1537, '1.50 KiB'],
    [65536, '64 KiB'],
    [1023 * 1024, '1023 KiB'],
    [1048575, '1.00 MiB'],
    [2 * 2 ** 20, '2 MiB'],
    [21.46 * 2 ** 30, '21.5 GiB'],
    [2 ** 53 - 1, '8.00 PiB'],
    [-3 * 2 ** 20, '-3 MiB'],
    [Number.NaN, 'NaN B'],
    [Infinity, 'Infinity B'],
    [Math.round(1023.6 * 1024), '1.00 MiB'],
  ])('%p is %p', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('is within half a percent, and read back where it is exact', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 52 }), (bytes) => {
        const [number = '', unit = ''] = formatBytes(bytes).split(' ');
        const size = Number(number) * parseBytes(`1${unit}`);
        return Math.abs(size - bytes) <= bytes * 0.005 + 0.5;
      }),
    );
    for (const bytes of [0, 1, 4096, 2 ** 21, 2 ** 30, 3 * 2 ** 40, 1536]) {
      expect(parseBytes(formatBytes(bytes))).toBe(bytes);
    }
  });
});

describe('durations', () => {
  it.each([
    [0, 0],
    [1.5, 1.5],
    ['100ms', 100],
    ['100', 100],
    ['2s', 2000],
    ['1.5 s', 1500],
    ['5m', 300000],
    ['5min', 300000],
    ['1h', 3600000],
    ['1d', 86400000],
    ['500us', 0.5],
  ])('reads %p as %p ms', (given, expected) => {
    expect(parseDuration(given)).toBe(expected);
  });

  it.each(['', 's', '2S', '2 sec', '1h30m', Number.NaN, null, 5n])('refuses %p', (given) => {
    expect(caught(() => parseDuration(given as string, 'ttl')).code).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it.each([-1, '-2s', Infinity, 2 ** 53])('calls %p out of range', (given) => {
    expect(caught(() => parseDuration(given, 'ttl')).code).toBe('ERR_MEMORY_OUT_OF_RANGE');
  });

  it.each([
    [0, '0 ms'],
    [0.25, '250 us'],
    [950, '950 ms'],
    [1500, '1.5 s'],
    [1234, '1.23 s'],
    [120_000, '2 min'],
    [5_400_000, '1.5 h'],
    [172_800_000, '2 d'],
  ])('prints %p ms as %p', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
