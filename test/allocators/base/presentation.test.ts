// What allocators say of themselves: JSON, util.inspect, constructors that are not for users, refusals.
import { inspect } from 'node:util';
import * as allocators from '../../../lib/allocators';

const {
  BlockAllocator,
  BumpAllocator,
  HeapAllocator,
  SharedBlockAllocator,
  SharedBumpAllocator,
  SharedHeapAllocator,
  SharedStackAllocator,
  SharedSystemAllocator,
  StackAllocator,
  SystemAllocator,
} = allocators;

const code = (expected: string) => expect.objectContaining({ code: expected });

const ALL = [
  ['BumpAllocator', () => new BumpAllocator('16MiB', { name: 'frames' })],
  ['StackAllocator', () => new StackAllocator('16MiB', { name: 'frames' })],
  ['HeapAllocator', () => new HeapAllocator('16MiB', { name: 'frames' })],
  ['BlockAllocator', () => new BlockAllocator({ blockBytes: 4096, blocks: 4096, name: 'frames' })],
  ['SystemAllocator', () => new SystemAllocator({ maxBytes: '16MiB', name: 'frames' })],
  ['SharedBumpAllocator', () => SharedBumpAllocator.create('16MiB', { name: 'frames' })],
  ['SharedStackAllocator', () => SharedStackAllocator.create('16MiB', { name: 'frames' })],
  ['SharedBlockAllocator', () => SharedBlockAllocator.create({ blockBytes: 4096, blocks: 4096, name: 'frames' })],
  ['SharedHeapAllocator', () => SharedHeapAllocator.create('16MiB', { name: 'frames' })],
  ['SharedSystemAllocator', () => SharedSystemAllocator.create('16MiB', { name: 'frames' })],
] as const;

describe.each(ALL)('%s', (type, make) => {
  test('is its class and its stats as JSON, and one line for util.inspect', () => {
    const allocator = make();
    allocator.allocate(100, 16);
    expect(JSON.parse(JSON.stringify(allocator))).toEqual({ type, ...allocator.stats() });
    const line = inspect({ allocator }, { depth: 0 });
    expect(line).toContain(`${type} 'frames': `);
    expect(line).toMatch(/ of 16 MiB in use, 1 block\b/);
    expect(inspect(allocator).length).toBeLessThan(120);
    allocator.dispose();
    expect(JSON.parse(JSON.stringify(allocator))).toMatchObject({ type, name: 'frames' });
    expect(inspect(allocator)).toBe(`${type} 'frames': disposed`);
  });
});

test('an allocator without a bound says what is in use', () => {
  const system = new SystemAllocator();
  system.allocate(5000);
  system.allocate(5000);
  expect(inspect(system)).toBe("SystemAllocator 'SystemAllocator': 16 KiB in use, 2 blocks");
  system.dispose();
});

describe('a constructor that is not for users says what to call', () => {
  const made: readonly (readonly [string, string])[] = [
    ['SharedBumpAllocator', 'SharedBumpAllocator.create() or SharedBumpAllocator.attach()'],
    ['SharedStackAllocator', 'SharedStackAllocator.create() or SharedStackAllocator.attach()'],
    ['SharedBlockAllocator', 'SharedBlockAllocator.create() or SharedBlockAllocator.attach()'],
    ['SharedHeapAllocator', 'SharedHeapAllocator.create() or SharedHeapAllocator.attach()'],
    ['SharedSystemAllocator', 'SharedSystemAllocator.create() or SharedSystemAllocator.attach()'],
    ['PoolBox', 'pool.lease()'],
    ['SharedPoolBox', 'acquire() or adopt()'],
    ['BumpScope', 'scope()'],
    ['StackFrame', 'frame()'],
  ];
  test.each(made)('%s', (name, call) => {
    const Made = (allocators as unknown as Record<string, new (...given: unknown[]) => unknown>)[name];
    for (const given of [[], ['1MiB'], [{ blockBytes: 64, blocks: 4 }], ['x', 'y', { words: 1 }], [null, null, null]]) {
      let error: unknown;
      try {
        new (Made as new (...given: unknown[]) => unknown)(...given);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toEqual(code('ERR_MEMORY_INVALID_STATE'));
      expect((error as Error).message).toContain(`new ${name}() makes nothing: call `);
      expect((error as Error).message).toContain(call);
    }
  });
});

describe('HeapAllocator: refusals', () => {
  test('name the longest run that is free, not what rounding has taken', () => {
    const heap = new HeapAllocator('64KiB');
    while (heap.tryAllocate(5000) >= 0);
    expect(() => heap.allocate(5000)).toThrow(code('ERR_MEMORY_ARENA_EXHAUSTED'));
    expect(() => heap.allocate(5000)).toThrow(expect.objectContaining({ availableBytes: 0 }));
    expect(() => heap.allocate(5000)).toThrow(/40 KiB of 64 KiB are in use, .*the longest free run has 0 B/);
    heap.reset();
    for (let block = 0; block < 13; block += 1) heap.allocate(4096);
    expect(() => heap.allocate(40_000)).toThrow(expect.objectContaining({ availableBytes: 12_288 }));
    heap.dispose();
  });

  test('more than 1 TiB is too large, whatever the system says', () => {
    expect(() => new HeapAllocator('2TiB')).toThrow(code('ERR_MEMORY_TOO_LARGE'));
    expect(() => new HeapAllocator('7PiB')).toThrow(code('ERR_MEMORY_TOO_LARGE'));
    expect(() => new HeapAllocator(1000)).toThrow(code('ERR_MEMORY_OUT_OF_RANGE'));
  });
});

test('SharedStackAllocator: a second free is a double free, as in StackAllocator', () => {
  const first = SharedStackAllocator.create('64KiB');
  const second = SharedStackAllocator.attach(first.handle);
  const below = first.allocate(100);
  const other = second.allocate(100);
  const above = first.allocate(50);
  first.deallocate(above, 50);
  expect(() => first.deallocate(above, 50)).toThrow(code('ERR_MEMORY_DOUBLE_FREE'));
  first.deallocate(below, 100);
  expect(() => first.deallocate(below, 100)).toThrow(code('ERR_MEMORY_DOUBLE_FREE'));
  expect(() => first.deallocate(other, 100)).toThrow(code('ERR_MEMORY_FOREIGN_FREE'));
  expect(() => second.deallocate(below, 100)).toThrow(code('ERR_MEMORY_FOREIGN_FREE'));
  expect(() => first.deallocate(16_000, 100)).toThrow(code('ERR_MEMORY_FOREIGN_FREE'));
  second.deallocate(other, 100);
  second.dispose();
  first.dispose();
});
