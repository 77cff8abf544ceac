import { BudgetBook, bytesFor, configFor, readConfig, writeConfig } from '../../../lib/budgets/shared/layout';
import { Ledger } from '../../../lib/budgets/shared/ledger';

// Members end at any of their steps on shared memory, others come between any two of them, and whoever cleans up ends
// too. Whatever happens, what is granted is the sum of what members hold.

const LIMIT = 100;
const MEMBERS = 4;

class Death extends Error {}

/** Runs `at(step)` before each access to shared memory while it is set. */
let before: ((step: number) => void) | null = null;
/** The same, after it. */
let after: ((step: number) => void) | null = null;
let steps = 0;

const real = { load: Atomics.load, store: Atomics.store, compareExchange: Atomics.compareExchange };

function counted<A extends unknown[], R>(work: (...args: A) => R) {
  return (...args: A): R => {
    steps += 1;
    const step = steps;
    before?.(step);
    const result = work(...args);
    after?.(step);
    return result;
  };
}

beforeAll(() => {
  Atomics.load = counted(real.load as never) as never;
  Atomics.store = counted(real.store as never) as never;
  Atomics.compareExchange = counted(real.compareExchange as never) as never;
});
afterAll(() => Object.assign(Atomics, real));
afterEach(() => {
  before = null;
  after = null;
});

function fresh(): { book: BudgetBook; ledger: Ledger } {
  const words = new Int32Array(new SharedArrayBuffer(bytesFor(MEMBERS)));
  writeConfig(new BigInt64Array(words.buffer), configFor(LIMIT, MEMBERS));
  const book = new BudgetBook(words, readConfig('test', words) as never);
  return { book, ledger: new Ledger(book) };
}

function sum(ledger: Ledger): number {
  let total = 0;
  for (let owner = 1; owner <= MEMBERS; owner += 1) total += ledger.heldBy(owner);
  return total;
}

function check(ledger: Ledger): void {
  const { granted } = ledger;
  if (sum(ledger) === granted && granted >= 0 && granted <= LIMIT) return;
  expect([sum(ledger), granted]).toEqual([granted, LIMIT]);
}

/** Runs `work` up to its `last`-th step; true when it died there. */
function dies(last: number, when: 'before' | 'after', work: () => void): boolean {
  steps = 0;
  const die = (step: number): void => {
    if (step === last) throw new Death();
  };
  if (when === 'before') before = die;
  else after = die;
  try {
    work();
    return false;
  } catch (error) {
    if (!(error instanceof Death)) throw error;
    return true;
  } finally {
    before = null;
    after = null;
  }
}

const OPERATIONS: Record<string, (ledger: Ledger) => void> = {
  take: (ledger) => void ledger.take(1, 10, 20),
  give: (ledger) => ledger.give(1, 7),
  'a refused take': (ledger) => void ledger.take(1, 90, 95),
};
const BETWEEN: Record<string, (ledger: Ledger) => void> = {
  nothing: () => {},
  'one take': (ledger) => void ledger.take(2, 5, 5),
  'many moves': (ledger) => {
    ledger.take(3, 1, 9);
    for (let i = 0; i < 5; i += 1) ledger.give(2, ledger.take(2, 3, 4));
  },
};

describe.each(Object.keys(OPERATIONS))('who dies inside %s', (name) => {
  const operation = OPERATIONS[name] as (ledger: Ledger) => void;

  describe.each(Object.keys(BETWEEN))('and %s later', (between) => {
    test.each(['before', 'after'] as const)('%s any of its steps, is cleaned up after, once', (when) => {
      let deaths = 0;
      for (let last = 1; ; last += 1) {
        const { ledger } = fresh();
        ledger.take(1, 15, 15);
        ledger.take(2, 8, 8);
        const died = dies(last, when, () => operation(ledger));
        if (!died) break;
        deaths += 1;
        check(ledger);
        BETWEEN[between]?.(ledger);
        check(ledger);
        const held = ledger.heldBy(1);
        expect(ledger.clean(1)).toBe(held);
        expect([ledger.heldBy(1), ledger.clean(1)]).toEqual([0, 0]);
        check(ledger);
        expect(ledger.take(1, 3, 3)).toBe(3); // the place serves the next one
        check(ledger);
      }
      expect(deaths).toBeGreaterThan(5);
    });

    test('and so is who dies while cleaning up', () => {
      let deaths = 0;
      for (let last = 1; last < 40; last += 1) {
        for (let second = 1; ; second += 1) {
          const { ledger } = fresh();
          ledger.take(1, 15, 15);
          ledger.take(2, 8, 8);
          dies(last, 'before', () => operation(ledger));
          const died = dies(second, 'after', () => void ledger.clean(1));
          check(ledger);
          BETWEEN[between]?.(ledger);
          ledger.clean(1);
          if (ledger.heldBy(1) !== 0) throw new Error(`${ledger.heldBy(1)} are left`);
          check(ledger);
          if (!died) break;
          deaths += 1;
        }
      }
      expect(deaths).toBeGreaterThan(100);
    });
  });
});

test('others between any two steps change nothing of the sum', () => {
  for (const operation of Object.values(OPERATIONS)) {
    for (let at = 1; at < 40; at += 1) {
      const { ledger } = fresh();
      ledger.take(1, 15, 15);
      ledger.take(2, 8, 8);
      steps = 0;
      before = (step) => {
        if (step !== at) return;
        before = null;
        BETWEEN['many moves']?.(ledger);
      };
      operation(ledger);
      before = null;
      check(ledger);
    }
  }
});

test.each([1, 2, 3, 4])('random members, interruptions and deaths, seed %i', (seed) => {
  let state = seed * 7919;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const { book, ledger } = fresh();
  const busy = new Set<number>();
  const dead = new Set<number>();
  let depth = 0;
  let deaths = 0;
  let most = 0;

  const act = (owner: number): void => {
    busy.add(owner);
    depth += 1;
    try {
      const corpse = [...dead].find((other) => !busy.has(other));
      if (corpse !== undefined && random(3) === 0) {
        // Who cleans acts in the place of the dead one, alone.
        busy.add(corpse);
        try {
          ledger.clean(corpse);
          dead.delete(corpse);
        } finally {
          busy.delete(corpse);
        }
      } else if (random(2) === 0) {
        ledger.take(owner, 1 + random(40), 40);
      } else {
        const held = ledger.heldBy(owner);
        if (held > 0) ledger.give(owner, 1 + random(held));
      }
    } catch (error) {
      if (!(error instanceof Death)) throw error;
      deaths += 1;
      dead.add(owner);
    } finally {
      depth -= 1;
      busy.delete(owner);
    }
  };
  const someone = (): number | undefined => {
    const able = [1, 2, 3, 4].filter((owner) => !busy.has(owner) && !dead.has(owner));
    return able[random(able.length)];
  };
  before = () => {
    if (depth === 0) return;
    most = Math.max(most, Number(real.load.call(Atomics, book.words as never, 16)));
    if (random(60) === 0 && dead.size < 2) throw new Death();
    if (depth > 3 || random(6) !== 0) return;
    const other = someone();
    if (other !== undefined) act(other);
  };
  for (let round = 0; round < 1500; round += 1) {
    const owner = someone();
    if (owner !== undefined) act(owner);
    check(ledger);
  }
  before = null;
  expect(deaths).toBeGreaterThan(30);
  expect(most).toBeLessThanOrEqual(LIMIT);
  for (let owner = 1; owner <= MEMBERS; owner += 1) ledger.clean(owner);
  expect([ledger.granted, sum(ledger)]).toEqual([0, 0]);
});
