import { SystemAllocator } from '../../../lib/allocators/system';
import { memoryError } from '../../../lib/core';
import { Region } from '../../../lib/platform';
import { expectRefusal, snapshot } from '../../conformance/support';
import { isEmptied } from '../../support/emptied';

function provider() {
  const hooks = { acquire: () => {}, release: () => {} };
  return {
    name: 'test',
    pageBytes: 16_384,
    hooks,
    acquire(byteLength: number) {
      hooks.acquire();
      return Region.map(byteLength);
    },
    release(region: Region) {
      hooks.release();
      region.free();
    },
    trim: () => 0,
  };
}

describe('SystemAllocator', () => {
  it('takes whole pages, and gives them back with each block', () => {
    using system = new SystemAllocator();
    const first = system.allocate(1);
    const second = system.allocate(10_000);
    expect([first, second, system.usedBytes, system.capacityBytes]).toEqual([0, 8192, 4096 + 12_288, null]);
    const view = system.view(second, 10_000);
    view.fill(3);
    system.deallocate(second, 10_000);
    expect([isEmptied(view), system.usedBytes]).toEqual([true, 4096]);
    expectRefusal('ERR_MEMORY_FREED', () => system.view(second, 1), 'freed');
    expectRefusal('ERR_MEMORY_DOUBLE_FREE', () => system.deallocate(second, 10_000), 'twice');
    expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => system.deallocate(first + 8, 1), 'inside');
    expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => system.deallocate(2 ** 40, 1), 'beyond');
    expect(system.stats()).toMatchObject({
      allocations: 2,
      deallocations: 1,
      peakUsedBytes: 16_384,
      reservedBytes: 4096,
    });
  });

  it('never uses an offset twice', () => {
    using system = new SystemAllocator();
    const seen = new Set<number>();
    const kept: number[] = [];
    for (let i = 0; i < 500; i += 1) {
      const offset = system.allocate(100);
      expect(seen.has(offset)).toBe(false);
      seen.add(offset);
      if (i % 50 === 0) kept.push(offset);
      else system.deallocate(offset, 100);
    }
    for (const offset of kept) {
      expect(system.owns(offset + 99)).toBe(true);
      system.deallocate(offset, 100);
    }
    expect([system.usedBytes, system.stats().liveAllocations]).toEqual([0, 0]);
  });

  it('counts in the pages of its provider, against its limit', () => {
    using system = new SystemAllocator({ provider: provider(), maxBytes: '64KiB' });
    system.allocate(1);
    expect(system.usedBytes).toBe(16_384);
    expectRefusal('ERR_MEMORY_ARENA_EXHAUSTED', () => system.allocate(50_000), 'over the limit');
    expectRefusal('ERR_MEMORY_TOO_LARGE', () => system.allocate(70_000), 'never');
    const offset = system.allocate(3 * 16_384);
    expect(system.tryAllocate(1)).toBe(-1);
    system.deallocate(offset, 3 * 16_384);
    expect(system.stats()).toMatchObject({ failures: 3, peakUsedBytes: 65_536, liveAllocations: 1 });
  });

  it('passes on what the system refuses, with its books as before', () => {
    using system = new SystemAllocator();
    const before = snapshot(system);
    expectRefusal('ERR_MEMORY_OUT_OF_MEMORY', () => system.allocate(2 ** 46), 'more than there is');
    expect(system.tryAllocate(2 ** 46)).toBe(-1);
    expect(snapshot(system)).toEqual({ ...before, failures: 2 });
  });

  it('keeps its books when hooks throw, and refuses calls from inside them', () => {
    const source = provider();
    using system = new SystemAllocator({ provider: source });
    const offset = system.allocate(100);
    const { failures: _, ...before } = snapshot(system);
    source.hooks.acquire = () => {
      throw memoryError('ERR_MEMORY_MAP_LIMIT', 'too many');
    };
    expectRefusal('ERR_MEMORY_MAP_LIMIT', () => system.allocate(1), 'acquire');
    expect(system.tryAllocate(1)).toBe(-1);
    source.hooks.acquire = () => {
      system.deallocate(offset, 100);
    };
    expectRefusal('ERR_MEMORY_INVALID_STATE', () => system.allocate(1), 're-entrant');
    source.hooks.release = () => {
      throw new RangeError('of the hook');
    };
    expect(() => system.deallocate(offset, 100)).toThrow(RangeError);
    expect(() => system.reset()).toThrow(RangeError);
    source.hooks.release = () => {
      system.dispose();
    };
    expectRefusal('ERR_MEMORY_INVALID_STATE', () => system.deallocate(offset, 100), 'dispose inside');
    const { failures: __, ...after } = snapshot(system);
    expect(after).toEqual(before);
    source.hooks.release = () => {};
    system.deallocate(offset, 100);
    expect(system.usedBytes).toBe(0);
  });

  it('leaves a pinned block where it is', () => {
    let region: Region | undefined;
    const source = provider();
    const acquire = source.acquire.bind(source);
    source.acquire = (byteLength) => (region = acquire(byteLength));
    const system = new SystemAllocator({ provider: source });
    const offset = system.allocate(100);
    const pin = region?.pin();
    const before = snapshot(system);
    expectRefusal('ERR_MEMORY_IN_USE', () => system.deallocate(offset, 100), 'pinned');
    expectRefusal('ERR_MEMORY_IN_USE', () => system.dispose(), 'dispose');
    expect(snapshot(system)).toEqual(before);
    expect(system.disposed).toBe(false);
    pin?.release();
    system.dispose();
    expect([system.disposed, region?.state]).toEqual([true, 'freed']);
  });

  it('fills new blocks in the debug preset, and has the other presets', () => {
    using debug = SystemAllocator.debug();
    expect([...debug.view(debug.allocate(3), 3)]).toEqual([0xaa, 0xaa, 0xaa]);
    for (const made of [SystemAllocator.production(), SystemAllocator.performance({ maxBytes: 8192 })]) {
      using system = made;
      system.allocate(1);
      expect(system.stats()).toMatchObject({ allocations: 0, liveAllocations: 1 });
    }
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => new SystemAllocator({ provider: {} as never }), 'provider');
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', () => new SystemAllocator({ maxBytes: 0 }), 'maxBytes');
  });
});
