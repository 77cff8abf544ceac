import {
  isMemoryError,
  SharedBlockAllocator,
  SharedBumpAllocator,
  SharedHeapAllocator,
  SharedStackAllocator,
  SharedSystemAllocator,
} from '../../../lib';
import type { OwnerTable } from '../../../lib/allocators/shared';
import { StackLock } from '../../../lib/allocators/shared/stack-lock';
import { expectRefusal } from '../../conformance/support';

// Whoever shares memory can write anything into the bookkeeping. Nothing that stands there may end the process, keep a
// call from returning, or come out as another error than a MemoryError.

type Shared =
  | SharedBlockAllocator
  | SharedBumpAllocator
  | SharedHeapAllocator
  | SharedStackAllocator
  | SharedSystemAllocator;

const insides = (allocator: Shared) =>
  allocator as unknown as { words: Int32Array; doubles: Float64Array; memory: { own: number }; counters: number };

const MAKERS: Record<string, () => Shared> = {
  bump: () => SharedBumpAllocator.create('64KiB', { owners: 4 }),
  stack: () => SharedStackAllocator.create('64KiB', { owners: 4, maxBlocks: 64 }),
  block: () => SharedBlockAllocator.create({ blockBytes: 64, blocks: 1500, owners: 4 }),
  heap: () => SharedHeapAllocator.create('1MiB', { owners: 4 }),
  system: () => SharedSystemAllocator.create('1MiB', { owners: 4, pageBytes: 4096 }),
};

function attachTo(allocator: Shared): Shared {
  const { attach } = allocator.constructor as unknown as { attach(handle: object): Shared };
  return attach.call(allocator.constructor, structuredClone(allocator.handle));
}

/** Runs it; only MemoryErrors may come out. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!isMemoryError(error)) throw error;
    return undefined;
  }
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state ^ (state >>> 11)) >>> 0;
  };
}

const SPECIAL = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 3, 1023, 1024, 2047 << 21, (1 << 21) | 3, 64];

describe.each(Object.keys(MAKERS))('shared %s with garbage in its bookkeeping', (kind) => {
  test.each([1, 2, 3, 4, 5, 6])('every call ends, by a result or a MemoryError (%s)', (seed) => {
    const next = random(seed * 7919);
    for (let round = 0; round < 20; round += 1) {
      const one = (MAKERS[kind] as () => Shared)();
      const two = attachTo(one);
      const { words } = insides(one);
      const limit = kind === 'block' ? 64 : 5000;
      const held: [Shared, number, number][] = [];
      for (let i = 0; i < 10; i += 1) {
        const by = i % 2 === 0 ? one : two;
        const bytes = 1 + (next() % limit);
        held.push([by, by.allocate(bytes), bytes]);
      }
      // The header and the owner table, or what lies behind.
      const [from, to] = round % 3 === 0 ? [0, 192] : [192, Math.min(words.length, 4000)];
      for (let i = next() % 30; i >= 0; i -= 1) {
        words[from + (next() % (to - from))] = (next() % 2 === 0 ? SPECIAL[next() % SPECIAL.length] : next()) as number;
      }
      for (let step = 0; step < 12; step += 1) {
        const by = next() % 2 === 0 ? one : two;
        const bytes = 1 + (next() % limit);
        const offset = attempt(() => by.allocate(bytes, 2 ** (next() % 13))) ?? 0;
        expect(offset).toBeGreaterThanOrEqual(0);
        attempt(() => by.view(offset, bytes).fill(1));
        attempt(() => by.view(next() % 70_000, 1 + (next() % 100_000)));
        const [holder, start, size] = held[next() % held.length] as [Shared, number, number];
        attempt(() => holder.deallocate(start, size));
        attempt(() => by.owns(next() % 2_000_000));
        const { usedBytes, peakUsedBytes, liveAllocations } = by.stats();
        expect([usedBytes, peakUsedBytes, liveAllocations].every((value) => value >= 0)).toBe(true);
        if (next() % 4 === 0) attempt(() => by.recover());
        if (next() % 9 === 0) attempt(() => by.reset());
        if (next() % 6 === 0) attempt(() => attachTo(by).dispose());
      }
      for (const each of [two, one]) {
        attempt(() => each.dispose());
        expect(each.disposed).toBe(true);
      }
    }
  });
});

describe('the word of the shared stack', () => {
  const lockOf = (stack: SharedStackAllocator): [Int32Array, number] => {
    const { words, memory } = insides(stack);
    return [words, memory.own];
  };

  test.each([
    ['a place that is free', 3],
    ['no place at all', 2047],
  ])('that names %s is an error, and no wait without end', (_, holder) => {
    const stack = SharedStackAllocator.create('64KiB', { owners: 4 });
    stack.allocate(16);
    const [words, at] = lockOf(stack);
    words[at] = (holder << 21) | 1;
    for (const work of [() => stack.allocate(16), () => stack.tryAllocate(16), () => stack.deallocate(0, 16)]) {
      expectRefusal('ERR_MEMORY_CORRUPTION', work, String(holder));
    }
    expectRefusal('ERR_MEMORY_CORRUPTION', () => stack.dispose(), 'dispose');
    expect(stack.disposed).toBe(true);
    stack.dispose();
  });

  test('that its own attachment left behind in a call that was cut off is taken back', () => {
    using stack = SharedStackAllocator.create('64KiB', { owners: 4 });
    stack.allocate(16);
    const [words, at] = lockOf(stack);
    words[at] = (stack.owner << 21) | 1;
    expect(stack.allocate(16)).toBe(16);
    expect(words[at]).toBe(2);
  });

  test('that another attachment of this thread left behind is taken over', () => {
    using stack = SharedStackAllocator.create('64KiB', { owners: 4 });
    using other = SharedStackAllocator.attach(structuredClone(stack.handle));
    stack.allocate(16);
    const [words, at] = lockOf(stack);
    words[at] = (other.owner << 21) | 1;
    expect([stack.allocate(16), words[at], other.allocate(16)]).toEqual([16, 2, 32]);
  });

  test('that somebody alive holds without end is an error after half a minute', () => {
    const words = new Int32Array(new SharedArrayBuffer(64));
    words[0] = (2 << 21) | 7;
    let waits = 0;
    const book = {
      wait: () => {
        waits += 1;
        if (waits === 20_000) words[0] = (2 << 21) | 8; // it goes on once
        return 'timed-out' as const;
      },
    };
    const alive = { owners: 4, isOurs: () => false, isDead: () => false, phaseOf: () => 2 };
    const lock = new StackLock(words, 0, book, alive as unknown as OwnerTable, () => {});
    expectRefusal('ERR_MEMORY_TIMEOUT', () => lock.acquire(1), 'held');
    expect(waits).toBeGreaterThan(50_000);
    expect(words[0]).toBe((2 << 21) | 8);
  });

  test('is not left behind by a stack overflow', () => {
    using stack = SharedStackAllocator.create('64KiB', { owners: 4 });
    const deeper = (): void => {
      attemptAny(() => stack.deallocate(stack.allocate(16), 16));
      deeper();
    };
    expect(deeper).toThrow(RangeError);
    stack.reset();
    expect(stack.allocate(16)).toBe(0);
  });
});

function attemptAny(work: () => void): void {
  try {
    work();
  } catch {
    // how it fails at the end of the call stack does not matter
  }
}

describe('SharedBumpAllocator', () => {
  test.each([2 ** 31 - 1, 2 ** 30 + 1, -1, -(2 ** 31)])('a cursor of %s is noticed at every alignment', (value) => {
    using bump = SharedBumpAllocator.create('64KiB');
    const { words, memory } = insides(bump);
    for (const alignment of [8, 64, 4096]) {
      words[memory.own] = value;
      expectRefusal('ERR_MEMORY_CORRUPTION', () => bump.allocate(8, alignment), String(alignment));
      expect(words[memory.own]).toBe(value);
    }
  });
});

describe('books', () => {
  test('counters that were overwritten count nothing', () => {
    using heap = SharedHeapAllocator.create('1MiB');
    heap.allocate(64);
    const { doubles, counters } = insides(heap);
    doubles[counters + 32 / 2] = Number.NaN;
    doubles[8] = Number.POSITIVE_INFINITY;
    expect(heap.stats()).toMatchObject({ allocations: 1, liveAllocations: 1, usedBytes: 64 });
  });

  test('the peak of blocks counts nothing from before a reset by somebody else', () => {
    using one = SharedBlockAllocator.create({ blockBytes: 64, blocks: 100 });
    using two = SharedBlockAllocator.attach(structuredClone(one.handle));
    for (let i = 0; i < 10; i += 1) two.allocate(64);
    one.reset();
    for (let i = 0; i < 12; i += 1) two.allocate(64);
    expect(one.stats().peakUsedBytes).toBe(12 * 64);
  });

  test('the peak of blocks is never below what is in use, whoever frees what was transferred', () => {
    using one = SharedBlockAllocator.create({ blockBytes: 64, blocks: 100 });
    using two = SharedBlockAllocator.attach(structuredClone(one.handle));
    for (let i = 0; i < 10; i += 1) {
      const offset = one.allocate(64);
      one.transfer(offset, two.owner);
      two.deallocate(offset, 64);
    }
    for (let i = 0; i < 10; i += 1) two.allocate(64);
    expect(one.stats()).toMatchObject({ usedBytes: 640, peakUsedBytes: 640 });
  });
});

describe('arguments of any type', () => {
  type Extra = 'disown' | 'restore' | 'release' | 'scope' | 'frame' | 'transfer' | 'adopt';
  const ODD: unknown[] = [
    '8',
    8n,
    -1,
    Number.NaN,
    0.5,
    2 ** 53,
    null,
    undefined,
    {},
    [8],
    Symbol('x'),
    { valueOf: () => 8 },
  ];

  test.each(Object.keys(MAKERS))('end in a MemoryError and change nothing (%s)', (kind) => {
    const allocator = (MAKERS[kind] as () => Shared)();
    const offset = allocator.allocate(64);
    const { failures: _, ...before } = allocator.stats();
    for (const odd of ODD as never[]) {
      const more = allocator as unknown as Partial<Record<Extra, (...given: unknown[]) => unknown>>;
      const work = [
        () => allocator.allocate(odd),
        () => allocator.tryAllocate(odd),
        () => odd !== undefined && allocator.allocate(64, odd),
        () => allocator.deallocate(odd, 64),
        () => allocator.deallocate(offset, odd),
        () => allocator.view(odd, 1),
        () => allocator.view(offset, odd),
        () => more.disown?.(odd),
        () => more.restore?.(odd),
        () => more.release?.(odd),
        () => more.scope?.(odd),
        () => more.frame?.(odd),
        () => more.transfer?.(offset, odd),
        () => more.adopt?.(odd),
      ];
      for (const each of work) attempt(each);
      expect(allocator.owns(odd)).toBe(false);
    }
    const { failures: __, ...after } = allocator.stats();
    expect(after).toEqual(before);
    allocator.dispose();
  });

  test('scopes and frames take no promise, and give back what was allocated', () => {
    using bump = SharedBumpAllocator.create('64KiB');
    using stack = SharedStackAllocator.create('64KiB');
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => bump.scope(async () => bump.allocate(64)), 'scope');
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => stack.frame(async () => stack.allocate(64)), 'frame');
    expect([bump.usedBytes, stack.usedBytes]).toEqual([0, 0]);
  });
});
