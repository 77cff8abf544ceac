import * as fc from 'fast-check';
import { StackAllocator, type StackMarker } from '../../../lib/allocators/stack';
import { Region } from '../../../lib/platform';
import { expectRefusal, snapshot } from '../../conformance/support';

const GIB = 2 ** 30;

describe('StackAllocator', () => {
  let stack: StackAllocator;
  beforeEach(() => {
    stack = new StackAllocator('64KiB');
  });
  afterEach(() => stack.dispose());

  it('gives padding back with the block', () => {
    stack.allocate(1);
    const second = stack.allocate(100, 4096);
    expect([second, stack.usedBytes]).toEqual([4096, 4196]);
    stack.deallocate(second, 100);
    expect(stack.usedBytes).toBe(1);
    expect([stack.tryPop(), stack.tryPop(), stack.usedBytes]).toEqual([0, -1, 0]);
  });

  it('takes frees newest first only, and names each mistake', () => {
    const [first, second] = [stack.allocate(16), stack.allocate(32)];
    const before = snapshot(stack);
    expectRefusal('ERR_MEMORY_LIFO_VIOLATION', () => stack.deallocate(first, 16), 'older');
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => stack.deallocate(second, 16), 'size');
    expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => stack.deallocate(second + 8, 8), 'inside');
    expect(snapshot(stack)).toEqual(before);
    stack.deallocate(second, 32);
    expectRefusal('ERR_MEMORY_DOUBLE_FREE', () => stack.deallocate(second, 32), 'twice');
    stack.reset();
    expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => stack.deallocate(first, 16), 'after reset');
  });

  it('releases markers in order', () => {
    const outer = stack.mark();
    stack.allocate(8);
    const inner = stack.mark();
    stack.allocate(8);
    stack.release(inner);
    expect([stack.usedBytes, stack.stats().liveAllocations]).toEqual([8, 1]);
    stack.allocate(8);
    stack.release(inner);
    stack.release(outer);
    expect(stack.usedBytes).toBe(0);
    stack.allocate(8);
    stack.allocate(8);
    const before = snapshot(stack);
    expectRefusal('ERR_MEMORY_LIFO_VIOLATION', () => stack.release(inner), 'out of order');
    stack.mark();
    expectRefusal('ERR_MEMORY_LIFO_VIOLATION', () => stack.release(inner), 'another one at its height');
    expect(snapshot(stack)).toEqual(before);
    expect(stack.stats()).toMatchObject({ allocations: 5, deallocations: 0 });
  });

  it('makes markers stale by pops below them and by reset()', () => {
    stack.allocate(8);
    const marker = stack.mark();
    stack.tryPop();
    stack.allocate(8);
    expectRefusal('ERR_MEMORY_LIFO_VIOLATION', () => stack.release(marker), 'popped');
    const later = stack.mark();
    stack.reset();
    stack.allocate(8);
    expectRefusal('ERR_MEMORY_STALE_HANDLE', () => stack.release(later), 'reset');
    using other = new StackAllocator('64KiB');
    for (const wrong of [other.mark(), null, 3]) {
      expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => stack.release(wrong as StackMarker), 'foreign');
    }
    expect(stack.usedBytes).toBe(8);
  });

  it('ends frames with their blocks', () => {
    stack.allocate(8);
    {
      using _outer = stack.frame();
      stack.allocate(100);
      {
        using _inner = stack.frame();
        stack.allocate(100);
      }
      expect(stack.stats().liveAllocations).toBe(2);
      expect(stack.frame(() => stack.allocate(10))).toBe(112);
      expect(stack.stats().liveAllocations).toBe(2);
    }
    expect(stack.usedBytes).toBe(8);
    const failing = () =>
      stack.frame(() => {
        stack.allocate(8);
        throw new RangeError('of the work');
      });
    expect(failing).toThrow(RangeError);
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => stack.frame(async () => stack.allocate(8)), 'promise');
    expect(stack.usedBytes).toBe(8);
  });

  it('refuses frames out of order by release(), and forgives it to `using`', () => {
    const outer = stack.frame();
    stack.allocate(8);
    const inner = stack.frame();
    stack.allocate(8);
    outer.release();
    expect(stack.usedBytes).toBe(0);
    stack.allocate(8);
    expectRefusal('ERR_MEMORY_LIFO_VIOLATION', () => inner.release(), 'inner after outer');
    inner.dispose();
    expectRefusal('ERR_MEMORY_STALE_HANDLE', () => outer.release(), 'twice');
    outer.dispose();
    expect(stack.usedBytes).toBe(8);
    const last = stack.frame();
    stack.dispose();
    last.dispose();
    expectRefusal('ERR_MEMORY_CLOSED', () => stack.mark(), 'mark');
    expectRefusal('ERR_MEMORY_CLOSED', () => stack.tryPop(), 'tryPop');
    expectRefusal('ERR_MEMORY_CLOSED', () => stack.release(last.marker), 'release');
  });

  it('fills in the debug preset, padding too when it is given back', () => {
    const region = Region.map('64KiB');
    using debug = StackAllocator.debug({ region });
    debug.allocate(1);
    const offset = debug.allocate(4, 64);
    expect([...region.bytes.subarray(0, 2), ...region.bytes.subarray(63, 69)]).toEqual([
      0xcc, 0, 0, 0xcc, 0xcc, 0xcc, 0xcc, 0,
    ]);
    debug.deallocate(offset, 4);
    expect([...region.bytes.subarray(0, 2), ...region.bytes.subarray(63, 69)]).toEqual([
      0xcc, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0,
    ]);
    debug.dispose();
    region.free();
  });

  it('works beyond 4 GiB and 32-bit arithmetic', () => {
    using large = new StackAllocator('6GiB');
    large.allocate(GIB - 8);
    const marker = large.mark();
    large.allocate(3 * GIB);
    const far = large.allocate(16, 4096);
    expect(far).toBe(4 * GIB);
    large.view(far, 16).fill(3);
    large.deallocate(far, 16);
    expect(large.usedBytes).toBe(4 * GIB - 8);
    large.release(marker);
    expect([large.allocate(8), large.usedBytes]).toEqual([GIB - 8, GIB]);
    expect(large.stats().peakUsedBytes).toBe(4 * GIB + 16);
  });

  it('has the sizes and presets of the original', () => {
    const made = [StackAllocator.small(), StackAllocator.medium(), StackAllocator.large()];
    expect(made.map((it) => it.capacityBytes)).toEqual([2 ** 15, 2 ** 19, 2 ** 23]);
    for (const it of [...made, StackAllocator.production('4KiB'), StackAllocator.performance('4KiB')]) {
      it.deallocate(it.allocate(8), 8);
      it.dispose();
    }
  });

  it('stays exact through random pushes, pops, markers and releases', () => {
    const operation = fc.record({
      kind: fc.constantFrom('push', 'push', 'push', 'push', 'pop', 'pop', 'mark', 'release', 'wrong'),
      size: fc.integer({ min: 1, max: 200 }),
      power: fc.nat(8),
    });
    fc.assert(
      fc.property(fc.array(operation, { minLength: 20, maxLength: 600, size: 'max' }), (program) => {
        using it = new StackAllocator('1MiB');
        const blocks: { offset: number; size: number; before: number }[] = [];
        const marks: { marker: StackMarker; depth: number; good: boolean }[] = [];
        const cut = (depth: number) => {
          blocks.length = depth;
          for (const mark of marks) if (mark.depth > depth) mark.good = false;
        };
        for (const { kind, size, power } of program) {
          const top = blocks[blocks.length - 1];
          if (kind === 'push') {
            const before = it.usedBytes;
            const offset = it.allocate(size, 2 ** power);
            expect(offset % 2 ** power).toBe(0);
            expect(offset).toBeGreaterThanOrEqual(before);
            blocks.push({ offset, size, before });
          } else if (kind === 'pop' && top) {
            it.deallocate(top.offset, top.size);
            cut(blocks.length - 1);
            expect(it.usedBytes).toBe(top.before);
          } else if (kind === 'mark') {
            marks.push({ marker: it.mark(), depth: blocks.length, good: true });
          } else if (kind === 'release') {
            const mark = marks[(size * 7) % Math.max(1, marks.length)];
            if (!mark) continue;
            if (mark.good) {
              it.release(mark.marker);
              cut(mark.depth);
            } else {
              expectRefusal('ERR_MEMORY_LIFO_VIOLATION', () => it.release(mark.marker), 'stale');
            }
          } else if (kind === 'wrong' && blocks.length > 1) {
            const [bottom] = blocks;
            if (bottom)
              expectRefusal('ERR_MEMORY_LIFO_VIOLATION', () => it.deallocate(bottom.offset, bottom.size), 'bottom');
          }
          expect(it.stats().liveAllocations).toBe(blocks.length);
        }
        while (it.tryPop() !== -1);
        expect(it.usedBytes).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
