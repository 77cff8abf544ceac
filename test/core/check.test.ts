import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkNumber,
  checkOneOf,
  checkOptions,
  checkString,
  describe as describeValue,
  isMemoryError,
  nearest,
} from '../../lib/core';
import { editDistance } from '../../lib/core/nearest';

const INVALID = expect.objectContaining({ code: 'ERR_MEMORY_INVALID_ARGUMENT' });
const RANGE = expect.objectContaining({ code: 'ERR_MEMORY_OUT_OF_RANGE' });

function caught(run: () => unknown): { message: string; code: string; hint?: string } {
  try {
    run();
  } catch (error) {
    if (isMemoryError(error)) return error;
    throw error;
  }
  throw new Error('did not throw');
}

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const throws = (): never => {
  throw new Error('trap');
};

/** Values that break careless checks. */
const HOSTILE: readonly unknown[] = [
  Symbol('s'),
  Symbol(),
  10n ** 50_000n,
  -5n,
  revokedProxy(),
  new Proxy({}, { get: throws, ownKeys: throws, getPrototypeOf: throws }),
  new Proxy(() => 0, { get: throws, apply: throws }),
  { toString: throws, valueOf: throws, [Symbol.toPrimitive]: throws },
  Object.create(null),
  'x'.repeat(1_000_000),
  '\ud800\n\0',
  Number.NaN,
  -0,
  () => 0,
  class Thing {},
  [],
  new Array(5),
  null,
  new Date(Number.NaN),
];

describe('checkOptions', () => {
  interface Options {
    pages?: string;
    populate?: boolean;
    blockBytes?: number;
  }
  const KEYS = ['pages', 'populate', 'blockBytes'] as const;

  it('copies what is understood', () => {
    const given = { pages: 'thp', populate: true };
    const got = checkOptions<Options>('Region.map', given, KEYS);
    expect(got).toEqual(given);
    expect(got).not.toBe(given);
    expect(checkOptions<Options>('Region.map', undefined, KEYS)).toEqual({});
    expect(checkOptions<Options>('f', Object.assign(Object.create(null), given), KEYS)).toEqual(given);
  });

  it('names an unknown key and the nearest right one', () => {
    const error = caught(() => checkOptions('Region.map', { populat: true } as Options, KEYS));
    expect(error).toEqual(INVALID);
    expect(error.message).toBe(`Region.map: unknown option "populat". Did you mean 'populate'?`);
    expect(error.hint).toBe('Options understood here: pages, populate, blockBytes.');
    expect(caught(() => checkOptions('f', { blockbytes: 1 } as Options, KEYS)).message).toContain("'blockBytes'");
    expect(caught(() => checkOptions('f', { zebra: undefined } as Options, KEYS)).message).not.toContain('Did you');
  });

  it('reads every getter once', () => {
    let reads = 0;
    const options = {
      get pages() {
        return String(++reads);
      },
    };
    const got = checkOptions<Options>('f', options, KEYS);
    expect([got.pages, got.pages, reads]).toEqual(['1', '1', 1]);
  });

  it('refuses what is no plain object', () => {
    class Mine {
      pages = 'thp';
    }
    for (const value of [null, 1, 'x', true, [], () => 0, new Mine(), new Map(), Symbol('s')]) {
      expect(caught(() => checkOptions('f', value as Options, KEYS))).toEqual(INVALID);
    }
  });

  it('takes plain objects of another realm', () => {
    const foreign: Options = require('node:vm').runInNewContext("({ pages: 'thp' })");
    expect(checkOptions('f', foreign, KEYS)).toEqual({ pages: 'thp' });
  });

  it('is not fooled by __proto__', () => {
    const options = JSON.parse('{"__proto__": {"pages": "x"}}') as Options;
    expect(caught(() => checkOptions('f', options, KEYS))).toEqual(INVALID);
    expect(({} as Options).pages).toBeUndefined();
  });

  it('turns throwing getters and proxies into its own error with the cause', () => {
    const options = {
      get pages(): string {
        throw new Error('mine');
      },
    };
    const error = caught(() => checkOptions<Options>('f', options, KEYS));
    expect(error).toEqual(INVALID);
    expect((error as { cause?: unknown }).cause).toEqual(new Error('mine'));
  });
});

describe('single values', () => {
  it('checks integers', () => {
    expect(checkInteger('n', 5, 0, 9)).toBe(5);
    expect(checkInteger('n', 2 ** 53 - 1)).toBe(2 ** 53 - 1);
    expect(Object.is(checkInteger('n', -0), 0)).toBe(true);
    expect(caught(() => checkInteger('n', 1.5))).toEqual(INVALID);
    expect(caught(() => checkInteger('n', '5'))).toEqual(INVALID);
    expect(caught(() => checkInteger('n', 10, 0, 9))).toEqual(RANGE);
    expect(caught(() => checkInteger('n', Infinity))).toEqual(RANGE);
    expect(caught(() => checkInteger('blocks', -1, 1, 9)).message).toBe('blocks must be from 1 to 9, got -1');
  });

  it('checks numbers, booleans, functions and strings', () => {
    expect(checkNumber('ratio', 0.5, 0, 1)).toBe(0.5);
    expect(caught(() => checkNumber('ratio', 1.01, 0, 1))).toEqual(RANGE);
    expect(caught(() => checkNumber('ratio', Number.NaN, 0, 1))).toEqual(INVALID);
    expect(checkBoolean('b', false)).toBe(false);
    expect(caught(() => checkBoolean('b', 0))).toEqual(INVALID);
    expect(checkFunction('f', throws)).toBe(throws);
    expect(caught(() => checkFunction('f', {}))).toEqual(INVALID);
    expect(checkString('s', 'ok')).toBe('ok');
    for (const bad of ['', 'a\0b', 'x'.repeat(4097), 5]) expect(caught(() => checkString('s', bad))).toEqual(INVALID);
    expect(caught(() => checkString('s', 'abc', 2))).toEqual(INVALID);
  });

  it('describes values shortly', () => {
    const values = [null, undefined, -0, 5n, 'a', [], {}, Symbol('s'), () => 0];
    const texts = ['null', 'undefined', '-0', '5n', '"a"', 'an array', 'an object', 'Symbol(s)', 'a function'];
    expect(values.map(describeValue)).toEqual(texts);
  });

  it('checks one of a list', () => {
    const list = ['base', 'thp', 'huge'] as const;
    expect(checkOneOf('pages', 'thp', list)).toBe('thp');
    expect(caught(() => checkOneOf('pages', 'hueg', list)).message).toBe(
      `pages must be one of 'base', 'thp', 'huge', got "hueg". Did you mean 'huge'?`,
    );
    expect(caught(() => checkOneOf('pages', 5, list)).message).toMatch(/got 5\.$/);
  });

  it('answers hostile values with a short error of its own', () => {
    const checks: ReadonlyArray<(value: unknown) => unknown> = [
      (value) => checkInteger('n', value, 1, 9),
      (value) => checkNumber('n', value, 1, 9),
      (value) => checkBoolean('b', value),
      (value) => checkOneOf('o', value, ['a', 'b']),
      (value) => checkOptions<Record<string, unknown>>('f', value as Record<string, unknown>, []),
      (value) => checkString('s', typeof value === 'string' ? value : value, 10),
    ];
    for (const value of HOSTILE) {
      expect(describeValue(value).length).toBeLessThan(80);
      for (const check of checks) {
        const result = (() => {
          try {
            check(value);
            return 'accepted';
          } catch (error) {
            return isMemoryError(error) && error.message.length < 200 ? 'refused' : error;
          }
        })();
        expect(['accepted', 'refused']).toContain(result);
      }
    }
  });
});

describe('nearest', () => {
  it('finds slips of the finger and nothing else', () => {
    const words = ['limitBytes', 'provider', 'populate', 'numa'];
    expect(nearest('limtBytes', words)).toBe('limitBytes');
    expect(nearest('LIMITBYTES', words)).toBe('limitBytes');
    expect(nearest('nmua', words)).toBe('numa');
    expect(nearest('color', words)).toBeUndefined();
    expect(nearest('', words)).toBeUndefined();
    expect(nearest('x'.repeat(10_000), words)).toBeUndefined();
    expect(nearest('a'.repeat(65), ['a'.repeat(64)])).toBeUndefined();
    expect(nearest('ab', ['a'])).toBeUndefined();
  });

  it('counts edits, a swap being one', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('ab', 'ba')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
  });
});
