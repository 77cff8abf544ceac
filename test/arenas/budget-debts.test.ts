import { Arena } from '../../lib/arenas';
import { codeOf, Stubborn, TestProvider } from './support';

// A budget that refuses to take bytes back undoes no release: the provider has the memory already.

const KIB = 1024;

test('a chunk goes once, and the bytes with the next that go', () => {
  const budget = new Stubborn();
  const provider = new TestProvider();
  const arena = new Arena({ chunkBytes: 4 * KIB, growthFactor: 1, provider, budget });
  for (let i = 0; i < 3; i += 1) arena.allocate(4 * KIB);
  expect([budget.used, provider.out]).toEqual([12 * KIB, 3]);
  arena.reset();
  budget.refuses = 1;
  expect(arena.trim(4 * KIB)).toBe(8 * KIB);
  expect([arena.heldBytes, budget.used, provider.out, arena.stats().chunks]).toEqual([4 * KIB, 4 * KIB, 1, 1]);
  budget.refuses = 1;
  expect(arena.trim()).toBe(4 * KIB);
  expect([arena.heldBytes, budget.used, provider.out]).toEqual([0, 4 * KIB, 0]);
  arena.allocate(100); // what is owed is offered before more is asked for
  expect([arena.heldBytes, budget.used, provider.out]).toEqual([4 * KIB, 4 * KIB, 1]);
  arena.dispose();
  expect([budget.used, provider.out]).toEqual([0, 0]);
});

test('dispose() lets go of all, and a second one offers again what is owed', () => {
  const budget = new Stubborn();
  const provider = new TestProvider();
  const arena = new Arena({ chunkBytes: 4 * KIB, growthFactor: 1, provider, budget });
  for (let i = 0; i < 3; i += 1) arena.allocate(4 * KIB);
  budget.refuses = 4;
  arena.dispose();
  expect([budget.used, provider.out]).toEqual([12 * KIB, 0]);
  arena.dispose();
  expect([budget.used, provider.out]).toEqual([0, 0]);
});

test('what the provider says reaches the caller, also when the budget refuses its bytes', () => {
  const budget = new Stubborn();
  const provider = new TestProvider();
  using arena = new Arena({ chunkBytes: 4 * KIB, provider, budget });
  provider.fail = () => {
    throw new TypeError('broken');
  };
  budget.refuses = 1;
  expect(() => arena.allocate(1)).toThrow(TypeError);
  expect(budget.used).toBe(4 * KIB);
  provider.fail = undefined;
  arena.allocate(1);
  expect(budget.used).toBe(4 * KIB);
  expect(codeOf(() => arena.allocate(-1))).toBe('ERR_MEMORY_OUT_OF_RANGE');
});
