import * as fc from 'fast-check';
import { BumpAllocator, type BumpCheckpoint } from '../../../lib/allocators/bump';
import { Region } from '../../../lib/platform';
import { expectRefusal, snapshot } from '../../conformance/support';

const GIB = 2 ** 30;

describe('BumpAllocator', () => {
  it('rounds small blocks up by its preset, and uses the last bytes all the same', () => {
    for (const [make, step] of [
      [BumpAllocator.production, 16],
      [BumpAllocator.performance, 64],
      [BumpAllocator.conservative, 8],
      [BumpAllocator.singleThread, 8],
      [BumpAllocator.debug, 1],
    ] as const) {
      using bump = make(1000);
      bump.allocate(1, 1);
      expect(bump.allocate(1, 1)).toBe(step);
      bump.reset();
      bump.allocate(999);
      expect(bump.allocate(1, 1)).toBe(999);
      expect(bump.tryAllocate(1, 1)).toBe(-1);
      expect(bump.usedBytes).toBe(1000);
    }
  });

  it('has the sizes of the original', () => {
    const sizes = [BumpAllocator.small(), BumpAllocator.medium(), BumpAllocator.large({ name: 'big' })].map((bump) => {
      using it = bump;
      return it.capacityBytes;
    });
    expect(sizes).toEqual([2 ** 16, 2 ** 20, 2 ** 24]);
  });

  it('fills at allocation, free, restore and reset in the debug preset, and not when it is made', () => {
    const region = Region.map('64KiB');
    region.bytes.fill(1);
    using bump = BumpAllocator.debug({ region });
    expect(region.bytes.every((byte) => byte === 1)).toBe(true);
    const first = bump.allocate(32);
    const checkpoint = bump.checkpoint();
    const second = bump.allocate(16);
    const bytes = () => [
      region.bytes[first],
      region.bytes[first + 31],
      region.bytes[second],
      region.bytes[second + 15],
    ];
    expect(bytes()).toEqual([0xaa, 0xaa, 0xaa, 0xaa]);
    expect(region.bytes[48]).toBe(1);
    bump.restore(checkpoint);
    expect(bytes()).toEqual([0xaa, 0xaa, 0xdd, 0xdd]);
    bump.deallocate(first, 32);
    expect(bytes()).toEqual([0xdd, 0xdd, 0xdd, 0xdd]);
    bump.allocate(16);
    bump.reset();
    expect(bytes()).toEqual([0xdd, 0xdd, 0xdd, 0xdd]);
    bump.dispose();
    region.free();
  });

  it('notices wrong frees, exactly in the debug preset', () => {
    using plain = new BumpAllocator('64KiB');
    const only = plain.allocate(64);
    plain.deallocate(only, 64);
    const books = snapshot(plain);
    expectRefusal('ERR_MEMORY_DOUBLE_FREE', () => plain.deallocate(only, 64), 'more frees than blocks');
    expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => plain.deallocate(64, 8), 'above the cursor');
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => plain.deallocate(8, 64), 'across the cursor');
    expect(snapshot(plain)).toEqual(books);

    using debug = BumpAllocator.debug('64KiB');
    const [first, second] = [debug.allocate(10, 1), debug.allocate(10, 1)];
    debug.checkpoint();
    debug.allocate(10, 1);
    debug.deallocate(second, 10);
    const before = snapshot(debug);
    expectRefusal('ERR_MEMORY_DOUBLE_FREE', () => debug.deallocate(second, 10), 'twice');
    expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => debug.deallocate(first + 1, 9), 'inside');
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => debug.deallocate(first, 9), 'size');
    expect(snapshot(debug)).toEqual(before);
    expect([...debug.view(first, 10)]).toEqual(new Array(10).fill(0xaa));
  });

  it('counts nothing with stats: false, but for what is in use', () => {
    using bump = new BumpAllocator('64KiB', { stats: false });
    bump.deallocate(bump.allocate(64), 64);
    bump.allocate(64);
    bump.tryAllocate(GIB);
    expect(bump.stats()).toMatchObject({ allocations: 0, deallocations: 0, failures: 0, liveAllocations: 1 });
    expect(bump.stats()).toMatchObject({ usedBytes: 128, peakUsedBytes: 128 });
  });

  it('says so when its region was freed by its owner', () => {
    for (const region of [Region.map('64KiB'), Region.map('64KiB', { carrier: 'shared' })]) {
      using bump = new BumpAllocator({ region });
      using filling = new BumpAllocator({ region }, { allocFill: 1, freeFill: 2 });
      const offset = bump.allocate(8);
      filling.allocate(8);
      region.free();
      expectRefusal('ERR_MEMORY_FREED', () => bump.view(offset, 8), 'view');
      const before = snapshot(filling);
      expectRefusal('ERR_MEMORY_FREED', () => filling.allocate(8), 'fill');
      expectRefusal('ERR_MEMORY_FREED', () => filling.reset(), 'reset');
      expect(snapshot(filling)).toEqual(before);
      expectRefusal('ERR_MEMORY_FREED', () => new BumpAllocator({ region }), 'new');
    }
  });

  it('works beyond 4 GiB and 32-bit arithmetic', () => {
    using bump = new BumpAllocator('6GiB');
    expect(bump.allocate(GIB - 8)).toBe(0);
    const checkpoint = bump.checkpoint();
    expect(bump.allocate(2 * GIB + 1)).toBe(GIB - 8);
    expect(bump.allocate(2 * GIB, 4096)).toBe(3 * GIB);
    const far = bump.allocate(16, 64);
    expect(far).toBe(5 * GIB);
    bump.view(far, 16).fill(9);
    expect([...bump.view(far + 15, 1)]).toEqual([9]);
    expect(bump.owns(far + 15)).toBe(true);
    expect(bump.tryAllocate(GIB)).toBe(-1);
    expect(bump.stats().liveAllocations).toBe(4);
    bump.restore(checkpoint);
    expect([bump.usedBytes, bump.allocate(8), bump.allocate(8)]).toEqual([GIB - 8, GIB - 8, GIB]);
    bump.reset();
    expect(bump.allocate(8)).toBe(0);
  });

  it('refuses options that are none', () => {
    const bad = (options: object) => () => new BumpAllocator('64KiB', options);
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', bad({ leastBytes: 0 }), 'leastBytes');
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', bad({ allocFill: 256 }), 'allocFill');
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', bad({ leastByte: 8 }), 'unknown');
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', bad({ stats: 1 }), 'stats');
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', () => new BumpAllocator(0), 'empty');
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => new BumpAllocator(undefined as never), 'nothing');
  });

  it('stays exact through random checkpoints, restores, frees and resets', () => {
    const operation = fc.oneof(
      {
        weight: 10,
        arbitrary: fc.record({
          kind: fc.constant('allocate'),
          size: fc.integer({ min: 1, max: 300 }),
          power: fc.nat(8),
        }),
      },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('free'), size: fc.nat(1000), power: fc.nat(0) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('checkpoint'), size: fc.nat(0), power: fc.nat(0) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('restore'), size: fc.nat(1000), power: fc.nat(0) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset'), size: fc.nat(0), power: fc.nat(0) }) },
    );
    fc.assert(
      fc.property(
        fc.array(operation, { minLength: 20, maxLength: 300, size: 'max' }),
        fc.boolean(),
        (program, debug) => {
          using bump = debug ? BumpAllocator.debug('32KiB') : new BumpAllocator('32KiB');
          let blocks: { offset: number; size: number; live: boolean }[] = [];
          let marks: { checkpoint: BumpCheckpoint; used: number; blocks: number; good: boolean }[] = [];
          for (const { kind, size, power } of program) {
            if (kind === 'allocate') {
              const offset = bump.tryAllocate(size, 2 ** power);
              if (offset === -1) continue;
              expect(offset % 2 ** power).toBe(0);
              const last = blocks[blocks.length - 1];
              expect(offset).toBeGreaterThanOrEqual(last ? last.offset + last.size : 0);
              blocks.push({ offset, size, live: true });
            } else if (kind === 'free') {
              const live = blocks.filter((block) => block.live);
              const block = live[size % Math.max(1, live.length)];
              if (!block) continue;
              bump.deallocate(block.offset, block.size);
              block.live = false;
            } else if (kind === 'checkpoint') {
              marks.push({ checkpoint: bump.checkpoint(), used: bump.usedBytes, blocks: blocks.length, good: true });
            } else if (kind === 'restore' && marks.length > 0) {
              const mark = marks[size % marks.length];
              if (!mark) continue;
              if (!mark.good) {
                expectRefusal('ERR_MEMORY_STALE_HANDLE', () => bump.restore(mark.checkpoint), 'stale');
                continue;
              }
              bump.restore(mark.checkpoint);
              blocks = blocks.slice(0, mark.blocks);
              expect(bump.usedBytes).toBe(mark.used);
              for (const other of marks) if (other.used > mark.used) other.good = false;
            } else if (kind === 'reset') {
              bump.reset();
              blocks = [];
              for (const mark of marks) mark.good = false;
            }
            expect(bump.stats().liveAllocations).toBe(blocks.filter((block) => block.live).length);
          }
          marks = [];
          bump.reset();
          expect([bump.usedBytes, bump.stats().liveAllocations]).toEqual([0, 0]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
