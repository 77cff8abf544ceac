import { ThreadSafeArena } from '../../lib/arenas';
import type { BudgetLike } from '../../lib/core';
import { codeOf, Stubborn } from './support';

// The budget of a ThreadSafeArena is somebody else's code: whatever it does, the arena ends once and for all.

test('a budget that refuses its bytes does not keep the arena open; another dispose() offers them again', () => {
  const budget = new Stubborn();
  const arena = ThreadSafeArena.create('64KiB', { budget });
  const charged = budget.used;
  budget.refuses = 1;
  arena.dispose();
  expect([arena.disposed, budget.used]).toEqual([true, charged]);
  expect(codeOf(() => arena.allocate(8))).toBe('ERR_MEMORY_CLOSED');
  expect(codeOf(() => arena.view(0, 8))).toBe('ERR_MEMORY_CLOSED');
  arena.dispose();
  expect(budget.used).toBe(0);
  arena.dispose();
  arena.close();
  expect(budget.used).toBe(0);
});

test('close() too', () => {
  const budget = new Stubborn();
  const arena = ThreadSafeArena.create('64KiB', { budget });
  const other = ThreadSafeArena.attach(arena.handle);
  budget.refuses = 1;
  arena.close();
  expect([arena.disposed, codeOf(() => other.allocate(8))]).toEqual([true, 'ERR_MEMORY_CLOSED']);
  other.dispose();
  other.dispose(); // charged to nobody
  expect(budget.used).toBeGreaterThan(0);
  arena.dispose();
  expect(budget.used).toBe(0);
});

test('a release that rejects is owed too, and ends nothing', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  const offered: number[] = [];
  const budget = {
    name: 'late',
    reserve: () => {},
    tryReserve: () => true,
    release: async (bytes: number) => {
      offered.push(bytes);
      if (offered.length === 1) throw new Error('not now');
    },
  };
  process.on('unhandledRejection', note);
  try {
    const arena = ThreadSafeArena.create('64KiB', { budget: budget as unknown as BudgetLike });
    arena.dispose();
    await new Promise((done) => setImmediate(done));
    arena.dispose();
    arena.dispose();
    expect([offered.length, offered[0] === offered[1], unhandled]).toEqual([2, true, []]);
  } finally {
    process.off('unhandledRejection', note);
  }
});

test.each([[{}], [null], [5], [{ reserve: () => {}, release: () => {} }]])('%p is no budget', (budget) => {
  expect(codeOf(() => ThreadSafeArena.create('64KiB', { budget: budget as never }))).toBe(
    'ERR_MEMORY_INVALID_ARGUMENT',
  );
});

test('a reserve that answers by a promise is refused, and its failure is not left unhandled', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  const released: number[] = [];
  const budget = {
    name: 'late',
    reserve: async () => {
      throw new Error('over');
    },
    tryReserve: () => true,
    release: (bytes: number) => released.push(bytes),
  };
  process.on('unhandledRejection', note);
  try {
    expect(codeOf(() => ThreadSafeArena.create('64KiB', { budget: budget as unknown as BudgetLike }))).toBe(
      'ERR_MEMORY_INVALID_ARGUMENT',
    );
    await new Promise((done) => setImmediate(done));
    expect([unhandled, released]).toEqual([[], []]);
  } finally {
    process.off('unhandledRejection', note);
  }
});
