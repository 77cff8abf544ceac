import { BumpAllocator, type BumpCheckpoint } from '../../../lib/allocators/bump';
import { expectRefusal, snapshot, thrownCode } from '../../conformance/support';

describe('checkpoints of a BumpAllocator', () => {
  let bump: BumpAllocator;
  beforeEach(() => {
    bump = new BumpAllocator('64KiB');
  });
  afterEach(() => bump.dispose());

  it('give back what came after them, as often as wanted', () => {
    bump.allocate(100);
    const used = bump.usedBytes;
    const checkpoint = bump.checkpoint();
    expect(checkpoint.offset).toBe(used);
    for (let round = 0; round < 3; round += 1) {
      bump.allocate(1000, 256);
      bump.allocate(1);
      bump.restore(checkpoint);
      expect([bump.usedBytes, bump.stats().liveAllocations]).toEqual([used, 1]);
    }
    expect(bump.stats().peakUsedBytes).toBeGreaterThan(1000);
    expect(bump.allocate(8, 1)).toBe(used);
  });

  it('know the live blocks below them, freed ones too', () => {
    const first = bump.allocate(8);
    const outer = bump.checkpoint();
    const second = bump.allocate(8);
    bump.allocate(8);
    const inner = bump.checkpoint();
    bump.allocate(8);
    bump.deallocate(first, 8);
    bump.deallocate(second, 8);
    expect(bump.stats().liveAllocations).toBe(2);
    bump.restore(inner);
    expect(bump.stats().liveAllocations).toBe(1);
    bump.restore(outer);
    expect(bump.stats().liveAllocations).toBe(0);
    expect(bump.usedBytes).toBe(8);
  });

  it('are stale after a restore to before them, even where the cursor passed them again', () => {
    const outer = bump.checkpoint();
    bump.allocate(64);
    const inner = bump.checkpoint();
    bump.restore(outer);
    const before = snapshot(bump);
    expectRefusal('ERR_MEMORY_STALE_HANDLE', () => bump.restore(inner), 'future');
    expect(snapshot(bump)).toEqual(before);
    bump.allocate(4096);
    expectRefusal('ERR_MEMORY_STALE_HANDLE', () => bump.restore(inner), 'overtaken');
    bump.restore(outer);
    bump.allocate(64);
    bump.checkpoint();
    expectRefusal('ERR_MEMORY_STALE_HANDLE', () => bump.restore(inner), 'another at the same place');
  });

  it('are stale after reset()', () => {
    const checkpoint = bump.checkpoint();
    bump.reset();
    expect(bump.generation).toBe(1);
    expectRefusal('ERR_MEMORY_STALE_HANDLE', () => bump.restore(checkpoint), 'reset');
    bump.checkpoint();
    expectRefusal('ERR_MEMORY_STALE_HANDLE', () => bump.restore(checkpoint), 'another of the new generation');
  });

  it('belong to one allocator', () => {
    using other = new BumpAllocator('64KiB');
    const foreign = other.checkpoint();
    bump.allocate(8);
    for (const wrong of [foreign, { ...foreign }, null, undefined, 0, 'x']) {
      expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => bump.restore(wrong as BumpCheckpoint), String(wrong));
    }
    expect(bump.usedBytes).toBe(8);
  });

  it('end with the allocator', () => {
    const checkpoint = bump.checkpoint();
    const scope = bump.scope();
    bump.dispose();
    expectRefusal('ERR_MEMORY_CLOSED', () => bump.restore(checkpoint), 'restore');
    expectRefusal('ERR_MEMORY_CLOSED', () => bump.checkpoint(), 'checkpoint');
    expectRefusal('ERR_MEMORY_CLOSED', () => bump.scope(), 'scope');
    scope[Symbol.dispose]();
  });
});

describe('scopes of a BumpAllocator', () => {
  it('give back at the end, nested, and when the work throws', () => {
    using bump = new BumpAllocator('64KiB');
    bump.allocate(8);
    {
      using outer = bump.scope();
      bump.allocate(100);
      expect(outer.checkpoint.offset).toBe(8);
      const result = bump.scope((inner) => {
        expect(inner).toBe(bump);
        bump.allocate(100);
        return 'done';
      });
      expect([result, bump.usedBytes]).toEqual(['done', 112 - 4]);
      const failing = () =>
        bump.scope(() => {
          bump.allocate(100);
          throw new RangeError('of the work');
        });
      expect(failing).toThrow(RangeError);
      expect(bump.usedBytes).toBe(108);
    }
    expect(bump.usedBytes).toBe(8);
  });

  it('end once, and not at all when there is nothing left of them', () => {
    using bump = new BumpAllocator('64KiB');
    const scope = bump.scope();
    bump.allocate(8);
    scope.dispose();
    bump.allocate(24);
    scope.dispose();
    expect(bump.usedBytes).toBe(24);
    bump.scope(() => bump.reset());
    bump.allocate(16);
    expect(bump.usedBytes).toBe(16);
  });

  it('refuse work that goes on later, and what is no work', () => {
    using bump = new BumpAllocator('64KiB');
    const work = async () => bump.allocate(8);
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => bump.scope(work), 'promise');
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => bump.scope(7 as never), 'number');
    expect(bump.usedBytes).toBe(0);
    expect(thrownCode(() => bump.scope(() => 1))).toBe('nothing');
  });
});
