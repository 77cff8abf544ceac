import { SharedBudget } from '../../../lib/budgets';
import { AREA, type BudgetBook } from '../../../lib/budgets/shared/layout';
import { checkTeam, codeOf } from './support';

// One limit for all who live, also where somebody comes or takes in the middle of it.

interface Inside {
  readonly book: BudgetBook;
  readonly owner: number;
  readonly words: Int32Array;
}

const inside = (budget: SharedBudget): Inside => budget as unknown as Inside;

let name = '';
let serial = 0;
beforeEach(() => {
  name = `nebula-test-agreement-${process.pid}-${serial++}`;
});
afterEach(() => {
  jest.restoreAllMocks();
  SharedBudget.unlink(name);
});

const open = (limitBytes?: number): SharedBudget =>
  SharedBudget.open(name, { quantumBytes: 1, ...(limitBytes === undefined ? {} : { limitBytes }) });

/** Runs `work` once, right after the first exchange of the limit that has happened in the book of that kind. */
function afterFirstExchange(of: SharedBudget, work: () => void): void {
  const prototype = Object.getPrototypeOf(inside(of).book) as BudgetBook;
  const exchange = prototype.exchangeLimit;
  let due = true;
  jest.spyOn(prototype, 'exchangeLimit').mockImplementation(function (this: BudgetBook, from: number, to: number) {
    const done = exchange.call(this, from, to);
    if (due && done) {
      due = false;
      work();
    }
    return done;
  });
}

test('those who come when all have gone set it anew; one who stays holds on to it', () => {
  const first = open(1000);
  expect(codeOf(() => open(2000))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(first.limitBytes).toBe(1000);
  first.close();
  const next = open(2000);
  expect(next.limitBytes).toBe(2000);
  next.close();
  expect(open().limitBytes).toBe(2000);
});

test('a place that is taken anew agrees to nothing until its member does', () => {
  const first = open(1000);
  const { book, owner, words } = inside(first);
  const area = book.areaOf(owner);
  expect(Atomics.load(words, area + AREA.agreed)).toBe(1);
  const other = open(1000);
  const place = inside(other).owner;
  other.close();
  expect(Atomics.load(words, book.areaOf(place) + AREA.agreed)).toBe(0); // by its cleaning
  Atomics.store(words, book.areaOf(place) + AREA.agreed, 1); // as one leaves it who ends half-way
  first.close();
  const one = open(3000);
  const two = open(3000);
  expect([inside(two).owner, one.limitBytes]).toEqual([place, 3000]);
  two.close();
  one.close();
});

test('nor before it was asked', () => {
  const first = open(1000);
  const other = open(1000);
  const { book, words } = inside(first);
  const at = book.areaOf(inside(other).owner) + AREA.agreed;
  other.close();
  Atomics.store(words, at, 1); // as one leaves it who ends half-way
  const prototype = SharedBudget.prototype as unknown as { agree(where: string, limitBytes?: number): void };
  const { agree } = prototype;
  const seen: number[] = [];
  jest.spyOn(prototype, 'agree').mockImplementation(function (this: typeof prototype, where, limitBytes) {
    seen.push(Atomics.load(words, at));
    agree.call(this, where, limitBytes);
    seen.push(Atomics.load(words, at));
  });
  const again = open(1000);
  expect(seen).toEqual([0, 1]);
  again.close();
  first.close();
});

test('somebody who agreed while it was set anew keeps the limit that there was', () => {
  const first = open(1000);
  const probe = first.limitBytes;
  first.close();
  const keeper = open(); // it has the book open; what it agreed to is taken from it for the moment
  const { book, owner, words } = inside(keeper);
  Atomics.store(words, book.areaOf(owner) + AREA.agreed, 0);
  afterFirstExchange(keeper, () => Atomics.store(words, book.areaOf(owner) + AREA.agreed, 1));
  expect(codeOf(() => open(2000))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect([keeper.limitBytes, probe]).toEqual([1000, 1000]);
  checkTeam(keeper);
  keeper.close();
});

test('what is taken while the limit goes down stays covered', () => {
  const keeper = open(4000);
  const { book, owner, words } = inside(keeper);
  Atomics.store(words, book.areaOf(owner) + AREA.agreed, 0);
  keeper.reserve(3000);
  expect(codeOf(() => open(1000))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(keeper.limitBytes).toBe(4000);
  checkTeam(keeper);
  keeper.release(3000);
  keeper.close();
});

test('and what is taken under a limit that was raised for a moment', () => {
  const keeper = open(1000);
  const { book, owner, words } = inside(keeper);
  Atomics.store(words, book.areaOf(owner) + AREA.agreed, 0);
  afterFirstExchange(keeper, () => {
    keeper.reserve(1800);
    Atomics.store(words, book.areaOf(owner) + AREA.agreed, 1);
  });
  const second = open(2000); // it stays raised: less would be below what is held
  expect([keeper.limitBytes, second.limitBytes, keeper.usedBytes]).toEqual([2000, 2000, 1800]);
  checkTeam(keeper);
  keeper.release(1800);
  second.close();
  keeper.close();
});

test('resize() is taken back where somebody took more meanwhile', () => {
  const one = open(1000);
  const two = open(1000);
  const { book } = inside(one);
  const exchange = book.exchangeLimit.bind(book);
  let due = true;
  jest.spyOn(book, 'exchangeLimit').mockImplementation((from: number, to: number) => {
    if (due) {
      due = false;
      two.reserve(900); // between the look and the exchange
    }
    return exchange(from, to);
  });
  expect(codeOf(() => one.resize(500))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
  expect(one.limitBytes).toBe(1000);
  checkTeam(one);
  two.release(900);
  one.resize(500);
  expect([one.limitBytes, two.limitBytes]).toEqual([500, 500]);
  two.close();
  one.close();
});

test('two that resize at once leave a limit that covers what is held', () => {
  const one = open(1000);
  const two = open(1000);
  two.reserve(400);
  afterFirstExchange(one, () =>
    expect(codeOf(() => two.resize(450))).toMatch(/^(nothing|ERR_MEMORY_BUDGET_EXCEEDED)$/),
  );
  codeOf(() => one.resize(300)); // below what is held
  expect(one.limitBytes).toBeGreaterThanOrEqual(400);
  checkTeam(one);
  two.release(400);
  two.close();
  one.close();
});

test('also where the limit went up, was used and went down in between', () => {
  const one = open(1000);
  const two = open(1000);
  two.reserve(400);
  const { book } = inside(one);
  const exchange = book.exchangeLimit.bind(book);
  let calls = 0;
  jest.spyOn(book, 'exchangeLimit').mockImplementation((from: number, to: number) => {
    calls += 1;
    if (calls === 2) {
      exchange(from, 2000);
      two.reserve(1500);
      exchange(2000, 350); // a resize() of somebody else that is not taken back yet
    }
    if (calls > 10) throw new Error('no end');
    return exchange(from, to);
  });
  expect(codeOf(() => one.resize(300))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
  expect([one.limitBytes, one.usedBytes]).toEqual([1900, 1900]);
  checkTeam(one);
  two.release(1900);
  two.close();
  one.close();
});
