import { SharedSystemAllocator } from '../../../lib/allocators/heap';

// A free that fails puts the block back to its owner: who may have ended while it was under way.

interface Decommitting {
  decommit(first: number, count: number): number;
}

test.each([
  ['lives', false],
  ['ended meanwhile', true],
])('whose owner %s', (_, ends) => {
  using system = SharedSystemAllocator.create('1MiB');
  const owner = SharedSystemAllocator.attach(system.handle);
  const freeing = SharedSystemAllocator.attach(system.handle);
  const block = owner.allocate(10_000);
  const decommit = jest.spyOn(freeing as unknown as Decommitting, 'decommit').mockImplementation(() => {
    if (ends) owner.dispose();
    throw new RangeError('locked');
  });
  expect(() => freeing.deallocate(block, 10_000)).toThrow(RangeError);
  decommit.mockRestore();
  expect([system.owns(block), system.stats().liveAllocations]).toEqual([true, 1]);
  if (!ends)
    owner.dispose(); // takes it along, as ever
  else freeing.dispose(); // whose it is now
  expect([system.owns(block), system.usedBytes, system.stats().liveAllocations]).toEqual([false, 0, 0]);
  if (!ends) freeing.dispose();
});
