import { BumpAllocator } from '../../../lib/allocators';
import { FreedBits } from '../../../lib/allocators/bump/freed-bits';

test('with exact frees the list of blocks is all that is kept: nothing else can fail in the middle of a free', () => {
  const set = jest.spyOn(FreedBits.prototype, 'set').mockImplementation(() => {
    throw new RangeError('no room for bits');
  });
  using bump = BumpAllocator.debug('64KiB');
  const first = bump.allocate(10);
  bump.checkpoint();
  const second = bump.allocate(20);
  bump.deallocate(second, 20);
  bump.deallocate(first, 10);
  for (const [offset, size] of [
    [first, 10],
    [second, 20],
  ] as const) {
    expect(() => bump.deallocate(offset, size)).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_DOUBLE_FREE' }));
  }
  expect(bump.stats()).toMatchObject({ liveAllocations: 0, deallocations: 2 });
  bump.reset();
  expect(bump.allocate(10)).toBe(0);
  bump.deallocate(0, 10);
  expect(set).not.toHaveBeenCalled();
  set.mockRestore();
});
