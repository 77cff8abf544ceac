import { BlockAllocator } from '../../../lib/allocators/block';
import { expectRefusal, snapshot } from '../../conformance/support';

describe('PoolBox', () => {
  let pool: BlockAllocator;
  beforeEach(() => {
    pool = new BlockAllocator({ blockBytes: 64, blocks: 2 });
  });
  afterEach(() => pool.dispose());

  it('gives its block back at the end', () => {
    {
      using box = pool.lease();
      box.bytes.fill(7);
      expect([box.offset, box.byteLength, box.bytes[63], pool.usedBytes]).toEqual([0, 64, 7, 64]);
      expect(pool.view(box.offset, 64)[0]).toBe(7);
      expect(pool.owns(box.offset)).toBe(true);
    }
    expect([pool.usedBytes, pool.stats().deallocations]).toEqual([0, 1]);
  });

  it('cannot be used after it gave its block back', () => {
    const box = pool.lease(10);
    box.release();
    const other = pool.lease();
    const before = snapshot(pool);
    expectRefusal('ERR_MEMORY_DOUBLE_FREE', () => box.release(), 'release');
    expectRefusal('ERR_MEMORY_STALE_HANDLE', () => box.bytes, 'bytes');
    expectRefusal('ERR_MEMORY_STALE_HANDLE', () => box.offset, 'offset');
    expectRefusal('ERR_MEMORY_STALE_HANDLE', () => box.intoOffset(), 'intoOffset');
    box.dispose();
    expect(snapshot(pool)).toEqual(before);
    expect(other.offset).toBe(0);
  });

  it('is the only one who gives its block back', () => {
    using box = pool.lease(10);
    expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => pool.deallocate(box.offset, 10), 'leased');
    expect(pool.view(box.offset, 10).length).toBe(10);
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', () => pool.view(box.offset, 11), 'beyond');
  });

  it('hands its block over', () => {
    const box = pool.lease(10);
    const offset = box.intoOffset();
    box.dispose();
    expectRefusal('ERR_MEMORY_STALE_HANDLE', () => box.release(), 'release');
    expect(pool.usedBytes).toBe(64);
    pool.deallocate(offset, 10);
    expect(pool.usedBytes).toBe(0);
  });

  it('is stale after reset() and disposal of its pool', () => {
    const box = pool.lease();
    pool.reset();
    const later = pool.lease();
    expectRefusal('ERR_MEMORY_STALE_HANDLE', () => box.release(), 'release');
    box.dispose();
    expect(pool.usedBytes).toBe(64);
    pool.dispose();
    expectRefusal('ERR_MEMORY_STALE_HANDLE', () => later.bytes, 'bytes');
    later.dispose();
  });

  it('is not to be had from an empty pool', () => {
    pool.lease();
    pool.tryLease();
    expect(pool.tryLease()).toBeNull();
    expectRefusal('ERR_MEMORY_POOL_EXHAUSTED', () => pool.lease(), 'lease');
  });

  it('fills in the debug preset', () => {
    using debug = BlockAllocator.debug({ blockBytes: 64, blocks: 2 });
    const box = debug.lease();
    const { bytes } = box;
    expect(bytes[0]).toBe(0xbb);
    box.release();
    expect(bytes[0]).toBe(0xdd);
  });
});
