import { HeapAllocator, Region, SharedHeapAllocator, SharedSystemAllocator } from '../../../lib';
import { expectRefusal, snapshot } from '../../conformance/support';

describe('HeapAllocator', () => {
  test.each([40_000, 100, 5000])('a block of %s bytes that cannot be filled was never handed out', (bytes) => {
    using region = Region.map('1MiB');
    using heap = HeapAllocator.debug({ region });
    heap.allocate(500_000);
    const before = snapshot(heap);
    region.remap('64KiB');
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', () => heap.allocate(bytes), 'fill');
    expect(snapshot(heap)).toEqual(before);
    heap.validate();
  });

  test.each([{}, { exactSizes: true }])('a block that cannot be moved stays, and nothing else does (%j)', (options) => {
    using region = Region.map('1MiB');
    using heap = new HeapAllocator({ region }, options);
    const [small, large] = [heap.allocate(100), heap.allocate(500_000)];
    region.remap('64KiB');
    const { allocations: _, deallocations: __, peakUsedBytes: ___, ...before } = snapshot(heap);
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', () => heap.reallocate(small, 100, 70_000), 'reallocate');
    expect(snapshot(heap)).toMatchObject(before);
    heap.validate();
    heap.deallocate(small, 100);
    heap.deallocate(large, 500_000);
  });

  test('the last free slab of a class comes back for other sizes, also after it was in use again', () => {
    using heap = new HeapAllocator('64KiB');
    for (let round = 0; round < 3; round += 1) {
      const kept = [16, 100, 1000, 5000].map((bytes) => [heap.allocate(bytes), bytes] as const);
      for (const [offset, bytes] of kept) heap.deallocate(offset, bytes);
      heap.deallocate(heap.allocate(16), 16);
      const all = heap.allocate(65_536);
      heap.validate();
      expect(heap.tryAllocate(16)).toBe(-1);
      heap.deallocate(all, 65_536);
    }
  });

  test('what a refusal learned about free runs is forgotten when a longer one comes', () => {
    using heap = new HeapAllocator(4096 * 52);
    const [a, b, c] = [heap.allocate(4096 * 16), heap.allocate(4096 * 17), heap.allocate(4096 * 19)];
    heap.deallocate(a, 4096 * 16);
    expect([heap.tryAllocate(4096 * 17), heap.tryAllocate(4096 * 17)]).toEqual([-1, -1]);
    heap.deallocate(c, 4096 * 19);
    expect(heap.tryAllocate(4096 * 19)).toBe(c);
    heap.deallocate(b, 4096 * 17);
    expect(heap.tryAllocate(4096 * 33)).toBe(a);
    heap.reset();
    expect(heap.tryAllocate(4096 * 52)).toBe(0);
    heap.validate();
  });
});

describe('SharedSystemAllocator over memory that is locked meanwhile', () => {
  test('a free that cannot give its pages back leaves the block as it was', () => {
    using region = Region.map('1MiB', { carrier: 'shared' });
    using system = SharedSystemAllocator.create({ region });
    const offset = system.allocate(10_000);
    system.disown(offset);
    const before = snapshot(system);
    region.lock();
    expectRefusal('ERR_MEMORY_INVALID_STATE', () => system.deallocate(offset, 10_000), 'locked');
    expect(snapshot(system)).toEqual(before);
    expect(system.owns(offset)).toBe(true);
    region.unlock();
    system.deallocate(offset, 10_000);
    expect(system.stats()).toMatchObject({ liveAllocations: 0, usedBytes: 0, deallocations: 1 });
  });

  test('an attachment ends, and its pages are zeros for the next user', () => {
    using region = Region.map('1MiB', { carrier: 'shared' });
    const first = SharedSystemAllocator.create({ region });
    using second = SharedSystemAllocator.attach(structuredClone(first.handle));
    const offset = first.allocate(10_000);
    first.view(offset, 10_000).fill(7);
    region.lock();
    first.dispose();
    expect(first.disposed).toBe(true);
    for (let tries = 0; tries < 3; tries += 1) {
      expectRefusal('ERR_MEMORY_INVALID_STATE', () => second.allocate(2 ** 20), 'locked');
    }
    expect(second.stats()).toMatchObject({ liveAllocations: 0, usedBytes: 0 });
    region.unlock();
    const all = second.allocate(2 ** 20);
    expect(second.view(all, 2 ** 20).every((byte) => byte === 0)).toBe(true);
    second.deallocate(all, 2 ** 20);
  });
});

test('a block whose free was cut off by the end of its thread counts as free', () => {
  using one = SharedSystemAllocator.create('1MiB');
  const two = SharedSystemAllocator.attach(structuredClone(one.handle));
  const [offset] = [two.allocate(10_000), two.allocate(5000)];
  const { region } = (two as unknown as { memory: { data: { region: Region } } }).memory.data;
  const decommit = jest.spyOn(region, 'decommit').mockImplementation(() => {
    throw new Error('killed');
  });
  // As a thread that ends in the system call: what stands after it does not run.
  const table = (two as unknown as { spans: { swap(span: number, from: number, to: number): boolean } }).spans;
  const once = table.swap.bind(table);
  let calls = 0;
  Object.defineProperty(table, 'swap', {
    value: (span: number, from: number, to: number) => {
      calls += 1;
      if (calls > 1) throw new Error('killed');
      return once(span, from, to);
    },
  });
  expect(() => two.deallocate(offset, 10_000)).toThrow('killed');
  decommit.mockRestore();
  expect(one.usedBytes).toBe(20_480);
  expect((one as unknown as { reclaim(owner: number): number }).reclaim(two.owner)).toBe(2);
  expect(one.usedBytes).toBe(0);
  expect(one.allocate(2 ** 20)).toBe(0);
});

describe('offsets that are none', () => {
  test('behind the last block of a slab, and far outside', () => {
    using heap = SharedHeapAllocator.create('1MiB');
    using system = SharedSystemAllocator.create('1MiB');
    const bytes = 9344; // seven of them in a span, and 128 bytes are left over
    const offset = heap.allocate(bytes);
    const outside = [2 ** 53 - 1, 2 ** 40, 2 ** 20, -(-(2 ** 31))];
    for (const at of outside) {
      for (const shared of [heap, system]) {
        expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => shared.disown(at), `disown ${at}`);
        expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => shared.deallocate(at, bytes), `free ${at}`);
      }
    }
    expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => heap.disown(offset + 7 * bytes), 'behind the last');
  });
});
