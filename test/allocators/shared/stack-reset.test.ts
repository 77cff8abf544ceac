import { SharedStackAllocator } from '../../../lib/allocators/shared';
import { StackLock } from '../../../lib/allocators/shared/stack-lock';
import { memoryError } from '../../../lib/core';

test('a reset takes the lock first: one that is refused has changed nothing', () => {
  using stack = SharedStackAllocator.create('64KiB');
  const offset = stack.allocate(100);
  const marker = stack.mark();
  const before = JSON.stringify(stack.stats());
  const acquire = jest.spyOn(StackLock.prototype, 'acquire').mockImplementationOnce(() => {
    throw memoryError('ERR_MEMORY_TIMEOUT', 'its holder does not go on');
  });
  expect(() => stack.reset()).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_TIMEOUT' }));
  acquire.mockRestore();
  expect([JSON.stringify(stack.stats()), stack.owns(offset)]).toEqual([before, true]);
  stack.release(marker); // still of this generation
  stack.deallocate(offset, 100);
  stack.reset();
  expect(() => stack.release(marker)).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_STALE_HANDLE' }));
});
