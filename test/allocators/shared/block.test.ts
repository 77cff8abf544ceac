import { SharedBlockAllocator, type SharedBlockLease } from '../../../lib/allocators/shared';
import { Hints } from '../../../lib/allocators/shared/hints';
import { Region } from '../../../lib/platform';

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('SharedBlockAllocator', () => {
  let first: SharedBlockAllocator;
  let second: SharedBlockAllocator;
  beforeEach(() => {
    first = SharedBlockAllocator.create({ blockBytes: 256, blocks: 200, name: 'frames' });
    second = SharedBlockAllocator.attach(structuredClone(first.handle));
  });
  afterEach(() => {
    second.dispose();
    first.dispose();
  });

  test('two attachments see the same bytes and share the blocks', () => {
    expect([second.name, second.blockBytes, second.blocks, second.capacityBytes]).toEqual(['frames', 256, 200, 51_200]);
    const offset = first.allocate(100);
    first.view(offset, 100).fill(7);
    expect(second.view(offset, 100).every((byte) => byte === 7)).toBe(true);
    const seen = new Set([offset]);
    for (let i = 1; i < 200; i += 1) seen.add((i % 2 === 0 ? first : second).allocate(256));
    expect(seen.size).toBe(200);
    expect([first.tryAllocate(1), second.tryAllocate(1)]).toEqual([-1, -1]);
    expect(first.stats()).toEqual(second.stats());
    expect(first.stats()).toMatchObject({
      liveAllocations: 200,
      usedBytes: 51_200,
      failures: 2,
      peakUsedBytes: 51_200,
    });
  });

  test('only the owner frees', () => {
    const offset = first.allocate(10);
    expect(() => second.deallocate(offset, 10)).toThrow(code('ERR_MEMORY_FOREIGN_FREE'));
    expect(first.ownerOf(offset)).toBe(first.owner);
    first.deallocate(offset, 10);
    expect(() => second.deallocate(offset, 10)).toThrow(code('ERR_MEMORY_DOUBLE_FREE'));
    expect(first.ownerOf(offset)).toBe(0);
  });

  test('transfer makes another attachment the owner; nobody else can be', () => {
    const offset = first.allocate(10);
    for (const owner of [3, 60]) {
      expect(() => first.transfer(offset, owner)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    }
    for (const owner of [0, 65, -1]) {
      expect(() => first.transfer(offset, owner)).toThrow(code('ERR_MEMORY_OUT_OF_RANGE'));
    }
    expect(first.ownerOf(offset)).toBe(first.owner);
    first.transfer(offset, second.owner);
    expect(() => first.deallocate(offset, 10)).toThrow(code('ERR_MEMORY_FOREIGN_FREE'));
    expect(() => first.transfer(offset, first.owner)).toThrow(code('ERR_MEMORY_FOREIGN_FREE'));
    second.deallocate(offset, 10);
    expect(first.usedBytes).toBe(0);
  });

  test('a lease is adopted once it was sent, and is stale after a free', () => {
    const box = first.acquire(20);
    box.bytes.fill(5);
    const lease: SharedBlockLease = structuredClone(box.lease);
    const taken = second.adopt(lease);
    expect([taken.byteLength, taken.bytes[19], taken.held, box.held]).toEqual([20, 5, true, false]);
    expect(() => box.bytes).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    expect(() => box.release()).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    box[Symbol.dispose]();
    expect([second.isCurrent(lease), second.isCurrent(taken.lease)]).toEqual([false, true]);
    expect(() => first.adopt(lease)).toThrow(code('ERR_MEMORY_STALE_HANDLE')); // it has served
    expect(taken.held).toBe(true);
    taken.release();
    expect(second.isCurrent(taken.lease)).toBe(false);
    expect(() => first.adopt(lease)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    for (let i = 0; i < 200; i += 1) first.allocate(20); // the same block again, in another generation
    expect(() => second.adopt(lease)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    for (const value of [
      null,
      {},
      { ...lease, type: 'x' },
      { ...lease, offset: -1 },
      { ...lease, generation: 2 ** 53 },
    ]) {
      expect(() => second.adopt(value as never)).toThrow(expect.objectContaining({ category: 'validation' }));
    }
    expect(() => second.adopt({ ...lease, offset: 2 ** 40 })).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    expect(() => second.adopt({ ...lease, offset: 3 })).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
  });

  test('dispose gives back what the attachment holds, and nothing else', () => {
    const kept = first.allocate(1);
    const third = SharedBlockAllocator.attach(first.handle);
    for (let i = 0; i < 50; i += 1) third.allocate(1);
    third.transfer(third.allocate(1), second.owner);
    third.dispose();
    expect(first.stats()).toMatchObject({ liveAllocations: 2, usedBytes: 512 });
    expect(first.ownerOf(kept)).toBe(first.owner);
    expect(third.stats().usedBytes).toBe(52 * 256);
  });

  test('reset takes everything from everybody', () => {
    const offset = second.allocate(9);
    const lease = second.lease(offset);
    first.reset();
    expect(() => second.deallocate(offset, 9)).toThrow(code('ERR_MEMORY_DOUBLE_FREE'));
    expect(() => second.adopt(lease)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    expect(second.stats()).toMatchObject({ resets: 1, liveAllocations: 0, usedBytes: 0 });
  });

  test('hints that are lost do not lose blocks', () => {
    const memory = Region.attach(first.handle.book);
    const words = new Int32Array(memory.buffer);
    const hints = words.length - 32 - Hints.wordsFor(200) - 2;
    words.fill(0, hints);
    const seen = new Set<number>();
    for (let i = 0; i < 200; i += 1) seen.add(first.allocate(1));
    expect(seen.size).toBe(200);
    memory.free();
  });

  test('sizes and options', () => {
    expect(() => SharedBlockAllocator.create({ blockBytes: 0, blocks: 1 })).toThrow(code('ERR_MEMORY_OUT_OF_RANGE'));
    expect(() => SharedBlockAllocator.create({ blockBytes: 8, blocks: 0 })).toThrow(code('ERR_MEMORY_OUT_OF_RANGE'));
    expect(() => SharedBlockAllocator.create('1KiB', { blockBytes: '4KiB' })).toThrow(code('ERR_MEMORY_OUT_OF_RANGE'));
    expect(() => SharedBlockAllocator.create('1KiB', { blockBytes: 64, owners: 1024 })).toThrow(
      code('ERR_MEMORY_OUT_OF_RANGE'),
    );
    expect(() => SharedBlockAllocator.create({ blockBytes: 8, blocks: 1, size: 2 } as never)).toThrow(
      code('ERR_MEMORY_INVALID_ARGUMENT'),
    );
    expect(() => first.allocate(257)).toThrow(code('ERR_MEMORY_TOO_LARGE'));
    expect(() => first.allocate(8, 512)).toThrow(code('ERR_MEMORY_TOO_LARGE'));
    expect(first.tryAllocate(8, 512)).toBe(-1);
    const local = Region.map('64KiB');
    expect(() => SharedBlockAllocator.create({ region: local }, { blockBytes: 64 })).toThrow(
      code('ERR_MEMORY_INVALID_STATE'),
    );
    local.free();
  });
});

describe('Hints', () => {
  test.each([1, 31, 32, 33, 1024, 1025, 40_000])('of %i items find each of them once', (items) => {
    const words = new Int32Array(Hints.wordsFor(items) + 3);
    const hints = new Hints(words, 3, items);
    hints.fill();
    const seen = new Set<number>();
    let from = hints.firstLevelWords >> 1;
    for (;;) {
      const word = hints.findWord(from);
      if (word === -1) break;
      const bits = words[3 + word] ?? 0;
      const item = word * 32 + 31 - Math.clz32(bits & -bits);
      if (!hints.take(item) || hints.take(item)) throw new Error(`the hint of ${item} was not had once`);
      seen.add(item);
      from = word;
    }
    expect([seen.size, Math.max(...[...seen].slice(0, 1000)) < items]).toEqual([items, true]);
    expect(hints.findSlowly(0)).toBe(-1);
    for (const item of [items - 1, 0, items >> 1]) {
      hints.set(item);
      expect(hints.findWord(0)).toBe(item >> 5);
      hints.take(item);
    }
    expect([...words].every((word, at) => at >= 3 || word === 0)).toBe(true);
  });
});
