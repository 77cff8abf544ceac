import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { SharedBlockAllocator } from '../../../lib/allocators/shared';

// Cleaning up after the dead can fail: whoever looks next has to be able to try it again.

const HOLDER = join(__dirname, 'holder.cjs');

async function deadHolder(handle: unknown, blocks: number): Promise<void> {
  const worker = new Worker(HOLDER, { workerData: { handle, blocks } });
  await new Promise((done, fail) => {
    worker.once('message', done);
    worker.once('error', fail);
  });
  await worker.terminate();
}

interface Reclaiming {
  reclaim(owner: number): number;
}

const failing = (allocator: SharedBlockAllocator, times: number): jest.SpyInstance => {
  const reclaim = (allocator as unknown as Reclaiming).reclaim.bind(allocator);
  let left = times;
  return jest.spyOn(allocator as unknown as Reclaiming, 'reclaim').mockImplementation((owner: number) => {
    left -= 1;
    if (left >= 0) throw new RangeError('cannot be read');
    return reclaim(owner);
  });
};

let allocator: SharedBlockAllocator;
beforeEach(() => {
  allocator = SharedBlockAllocator.create({ blockBytes: 64, blocks: 100, owners: 4 });
});
afterEach(() => allocator.dispose());

test('the same attachment tries again', async () => {
  await deadHolder(allocator.handle, 30);
  failing(allocator, 2);
  expect(() => allocator.recover()).toThrow(RangeError);
  expect(() => allocator.recover()).toThrow(RangeError);
  expect(allocator.recover()).toEqual({ owners: 1, blocks: 30 });
  expect(allocator.usedBytes).toBe(0);
});

test('another attachment takes over, also of a thread that lives on', async () => {
  await deadHolder(allocator.handle, 30);
  const second = SharedBlockAllocator.attach(allocator.handle);
  failing(second, 1);
  expect(() => second.recover()).toThrow(RangeError);
  expect(allocator.recover()).toEqual({ owners: 1, blocks: 30 });
  second.dispose();
});

test('the others are cleaned up after all the same', async () => {
  await deadHolder(allocator.handle, 30);
  const other = new Worker(HOLDER, { workerData: { handle: allocator.handle, blocks: 20 } });
  await new Promise((done) => other.once('message', done)); // took the dead one's blocks back, or lives beside it
  await other.terminate();
  await deadHolder(allocator.handle, 10);
  const reclaim = failing(allocator, 1);
  expect(() => allocator.recover()).toThrow(RangeError);
  const tried = reclaim.mock.calls.length;
  expect(allocator.recover().owners).toBe(1);
  expect(reclaim.mock.calls.length).toBe(tried + 1);
  expect(allocator.usedBytes).toBe(0);
});

test('one that cannot clean up after itself is cleaned up after by the next', () => {
  const second = SharedBlockAllocator.attach(allocator.handle);
  for (let i = 0; i < 5; i += 1) second.allocate(64);
  failing(second, 1);
  expect(() => second.dispose()).toThrow(RangeError);
  expect(second.disposed).toBe(true);
  expect(allocator.recover()).toEqual({ owners: 1, blocks: 5 });
  expect(allocator.usedBytes).toBe(0);
  expect(SharedBlockAllocator.attach(allocator.handle).owner).toBe(2);
});
