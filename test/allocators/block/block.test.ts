import * as fc from 'fast-check';
import { BlockAllocator, type BlockOptions } from '../../../lib/allocators/block';
import { memoryError } from '../../../lib/core';
import { Region } from '../../../lib/platform';
import { expectRefusal, snapshot } from '../../conformance/support';

const GIB = 2 ** 30;

function provider() {
  const held: Region[] = [];
  const hooks = { acquire: () => {} };
  return {
    name: 'test',
    pageBytes: 4096,
    held,
    hooks,
    acquire(byteLength: number) {
      hooks.acquire();
      const region = Region.map(byteLength);
      held.push(region);
      return region;
    },
    release(region: Region) {
      region.free();
      held.splice(held.indexOf(region), 1);
    },
    trim: () => 0,
  };
}

describe('BlockAllocator', () => {
  it('aligns blocks as their size allows, or as asked', () => {
    const shape = (options: BlockOptions) => {
      using pool = new BlockAllocator(options);
      return [pool.blockBytes, pool.blockAlignment, pool.allocate(1), pool.allocate(1), pool.capacityBytes];
    };
    expect(shape({ blockBytes: 4096, blocks: 2 })).toEqual([4096, 4096, 0, 4096, 8192]);
    expect(shape({ blockBytes: '64KiB', blocks: 2 })).toEqual([65_536, 4096, 0, 65_536, 131_072]);
    expect(shape({ blockBytes: 100, blocks: 2 })).toEqual([100, 8, 0, 104, 208]);
    expect(shape({ blockBytes: 96, blocks: 2 })).toEqual([96, 32, 0, 96, 192]);
    expect(shape({ blockBytes: 3, blocks: 2, alignment: 1 })).toEqual([3, 1, 0, 3, 6]);
    expect(shape({ blockBytes: 100, blocks: 2, alignment: 64 })).toEqual([100, 64, 0, 128, 256]);
  });

  it('refuses alignments and sizes that no block has', () => {
    using pool = new BlockAllocator({ blockBytes: 96, blocks: 4 });
    expectRefusal('ERR_MEMORY_TOO_LARGE', () => pool.allocate(8, 64), 'alignment');
    expectRefusal('ERR_MEMORY_TOO_LARGE', () => pool.allocate(97), 'size');
    expect([pool.tryAllocate(8, 64), pool.tryAllocate(97), pool.tryLease(97)]).toEqual([-1, -1, null]);
    expect(pool.stats().failures).toBe(5);
  });

  it('notices every wrong free', () => {
    using pool = new BlockAllocator({ blockBytes: 1000, blocks: 100, alignment: 8 });
    const [first, second] = [pool.allocate(1000), pool.allocate(10)];
    pool.deallocate(first, 1000);
    const before = snapshot(pool);
    expectRefusal('ERR_MEMORY_DOUBLE_FREE', () => pool.deallocate(first, 1000), 'twice');
    expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => pool.deallocate(2000, 1000), 'never handed out');
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => pool.deallocate(second, 1000), 'size');
    for (const offset of [second + 1, second + 8, second + 500, 2 ** 31 - 1, 2 ** 31, 2 ** 40]) {
      expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => pool.deallocate(offset, 10), `offset ${offset}`);
    }
    expect(snapshot(pool)).toEqual(before);
    pool.reset();
    expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => pool.deallocate(second, 10), 'after reset');
  });

  it('shows one block that is handed out, and nothing else', () => {
    using pool = new BlockAllocator({ blockBytes: 64, blocks: 4 });
    const [first, second] = [pool.allocate(64), pool.allocate(32)];
    expect(pool.view(second + 8, 24).length).toBe(24);
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', () => pool.view(first, 65), 'across');
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', () => pool.view(second + 8, 25), 'beyond what was asked');
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', () => pool.view(128, 1), 'never handed out');
    pool.deallocate(second, 32);
    expectRefusal('ERR_MEMORY_FREED', () => pool.view(second, 32), 'free');
  });

  it('grows by regions up to its limit, and gives them all back', () => {
    const source = provider();
    const pool = new BlockAllocator({ blockBytes: 4096, blocks: 2, growBlocks: 3, maxBlocks: 9, provider: source });
    expect(source.held.length).toBe(1);
    const offsets = Array.from({ length: 9 }, (_, id) => {
      const offset = pool.allocate(4096);
      pool.view(offset, 4096).fill(id + 1);
      return offset;
    });
    expect(offsets).toEqual(offsets.map((_, id) => id * 4096));
    expect(source.held.map((region) => region.byteLength / 4096)).toEqual([2, 3, 3, 1]);
    for (const [id, offset] of offsets.entries())
      expect(pool.view(offset, 4096).every((byte) => byte === id + 1)).toBe(true);
    expectRefusal('ERR_MEMORY_POOL_EXHAUSTED', () => pool.allocate(1), 'full');
    expect(pool.stats()).toMatchObject({ reservedBytes: 9 * 4096, capacityBytes: 9 * 4096, usedBytes: 9 * 4096 });
    pool.reset();
    expect(pool.allocate(4096)).toBe(0);
    expect(source.held.length).toBe(4);
    pool.dispose();
    expect([source.held.length, pool.stats().reservedBytes]).toEqual([0, 0]);
  });

  it('keeps its books when the provider fails, and refuses calls from inside it', () => {
    const source = provider();
    using pool = new BlockAllocator({ blockBytes: 4096, blocks: 1, maxBlocks: 4, provider: source });
    pool.allocate(4096);
    const { failures: _, ...before } = snapshot(pool);
    source.hooks.acquire = () => {
      throw memoryError('ERR_MEMORY_OUT_OF_MEMORY', 'none left');
    };
    expectRefusal('ERR_MEMORY_OUT_OF_MEMORY', () => pool.allocate(1), 'exhausted');
    expect(pool.tryAllocate(1)).toBe(-1);
    source.hooks.acquire = () => {
      throw new RangeError('of the hook');
    };
    expect(() => pool.tryAllocate(1)).toThrow(RangeError);
    for (const call of [() => pool.allocate(1), () => pool.reset(), () => pool.trim(), () => pool.dispose()]) {
      source.hooks.acquire = () => {
        call();
      };
      expectRefusal('ERR_MEMORY_INVALID_STATE', () => pool.tryAllocate(1), String(call));
    }
    const { failures: __, ...after } = snapshot(pool);
    expect(after).toEqual(before);
    source.hooks.acquire = () => {};
    expect(pool.allocate(1)).toBe(4096);
  });

  it('takes as much of a region as fits, and no more', () => {
    const region = Region.map(10_000);
    using pool = new BlockAllocator({ blockBytes: 4096, region });
    expect(pool.freeBlocks).toBe(2);
    const make = (options: Partial<BlockOptions>) => () =>
      new BlockAllocator({ blockBytes: 4096, ...options } as BlockOptions);
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', make({ region, blocks: 3 }), 'blocks');
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', make({ region, maxBlocks: 3 }), 'maxBlocks');
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', make({ region, blockBytes: 20_000 }), 'none fits');
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', make({ region, provider: provider() }), 'both');
    // @ts-expect-error The types say so too.
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => new BlockAllocator({ blockBytes: 4096 }), 'no blocks');
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', make({ blocks: 2, provider: {} as never }), 'no provider');
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', make({ blocks: 0 }), 'zero');
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', make({ blocks: 2, maxBlocks: 1 }), 'maxBlocks below blocks');
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', make({ blocks: 1, blockBytes: GIB + 1 }), 'blockBytes');
    expectRefusal('ERR_MEMORY_OVERFLOW', make({ blocks: 2 ** 31 - 4, blockBytes: GIB }), 'product');
    expectRefusal('ERR_MEMORY_INVALID_ALIGNMENT', make({ blocks: 1, alignment: 3 }), 'alignment');
    pool.dispose();
    expect(region.state).toBe('live');
    region.free();
  });

  it('says so when its region was freed by its owner', () => {
    const region = Region.map('64KiB');
    using pool = new BlockAllocator({ blockBytes: 4096, region });
    const offset = pool.allocate(8);
    region.free();
    expectRefusal('ERR_MEMORY_FREED', () => pool.view(offset, 8), 'view');
  });

  it('fills at allocation, free and reset in the debug preset, and not when it is made', () => {
    const region = Region.map('16KiB');
    region.bytes.fill(1);
    using pool = BlockAllocator.debug({ blockBytes: 4096, region });
    const [first, second] = [pool.allocate(16), pool.allocate(16)];
    const heads = () => [region.bytes[0], region.bytes[4096], region.bytes[8192]];
    expect(heads()).toEqual([0xbb, 0xbb, 1]);
    pool.deallocate(first, 16);
    expect(heads()).toEqual([0xdd, 0xbb, 1]);
    expectRefusal('ERR_MEMORY_DOUBLE_FREE', () => pool.deallocate(first, 16), 'twice');
    expect(pool.owns(second)).toBe(true);
    pool.reset();
    expect(heads()).toEqual([0xdd, 0xdd, 1]);
    pool.dispose();
    region.free();
  });

  it('gives pages of free blocks back by trim(), and keeps the others', () => {
    const region = Region.map('256KiB');
    using pool = new BlockAllocator({ blockBytes: 2048, region });
    const offsets = Array.from({ length: 128 }, () => pool.allocate(2048));
    for (const offset of offsets) pool.view(offset, 2048).fill(7);
    for (const offset of offsets.slice(1, 127)) pool.deallocate(offset, 2048);
    expect(pool.trim()).toBe(62 * 4096);
    expect([region.bytes[0], region.bytes[4096], region.bytes[127 * 2048]]).toEqual([7, 0, 7]);
    const again = Array.from({ length: 126 }, () => pool.allocate(2048));
    expect(new Set(again).size).toBe(126);
    pool.reset();
    expect(pool.trim()).toBe(256 * 1024);
    pool.dispose();
    expectRefusal('ERR_MEMORY_CLOSED', () => pool.trim(), 'closed');
    region.free();
  });

  it('works beyond 4 GiB and 32-bit arithmetic', () => {
    using pool = new BlockAllocator({ blockBytes: GIB, blocks: 6 });
    const offsets = Array.from({ length: 6 }, () => pool.allocate(GIB));
    expect(offsets).toEqual([0, 1, 2, 3, 4, 5].map((id) => id * GIB));
    pool.view(5 * GIB + 17, 1).fill(3);
    expect([...pool.view(5 * GIB + 17, 1)]).toEqual([3]);
    for (const offset of offsets) pool.deallocate(offset, GIB);
    expectRefusal('ERR_MEMORY_DOUBLE_FREE', () => pool.deallocate(4 * GIB, GIB), 'twice');
    using odd = new BlockAllocator({ blockBytes: GIB - 8, blocks: 5, alignment: 8 });
    for (let id = 0; id < 5; id += 1) odd.allocate(GIB - 8);
    expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => odd.deallocate(GIB, GIB - 8), 'no multiple');
    for (let id = 0; id < 5; id += 1) odd.deallocate(id * (GIB - 8), GIB - 8);
    expect(odd.usedBytes).toBe(0);
  });

  it('finds every multiple and no other number, whatever the distance of blocks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.nat(11), fc.nat(200_000), (blockBytes, power, delta) => {
        using pool = new BlockAllocator({ blockBytes, blocks: 40, alignment: 2 ** power });
        const offsets = Array.from({ length: 40 }, () => pool.allocate(blockBytes));
        const wrong = delta;
        if (!offsets.includes(wrong)) {
          expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => pool.deallocate(wrong, blockBytes), `${wrong}`);
        }
        for (const offset of offsets) pool.deallocate(offset, blockBytes);
        expect(pool.usedBytes).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
