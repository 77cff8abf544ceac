import { AsyncLocalStorage } from 'node:async_hooks';
import { HeapAllocator } from '../../lib/allocators';
import { AllocatorManager } from '../../lib/manager';
import { codeOf, small } from './support';

// A store of the async context that nobody switches off is carried through every turn of the process.

let disabled: jest.SpyInstance;
beforeEach(() => {
  disabled = jest.spyOn(AsyncLocalStorage.prototype, 'disable');
});
afterEach(() => disabled.mockRestore());

test('a system ends its context with itself', async () => {
  const system = small();
  const tenant = system.tenant('t', { limitBytes: '1MiB' });
  let inside: Promise<string> | undefined;
  tenant.run(() => {
    system.request(100);
    inside = new Promise((resolve) => setImmediate(() => resolve(codeOf(() => system.request(100)))));
  });
  expect(disabled).toHaveBeenCalledTimes(0);
  system.dispose();
  expect(disabled).toHaveBeenCalledTimes(1);
  expect(await inside).toBe('ERR_MEMORY_CLOSED');
  expect(system.run({ name: 'later' }, () => codeOf(() => system.request(1)))).toBe('ERR_MEMORY_CLOSED');
  system.dispose();
  expect(disabled).toHaveBeenCalledTimes(1);
});

test('a shutdown does as well', async () => {
  const system = small();
  system.run({ name: 'x' }, () => system.request(100).free());
  await system.shutdown();
  expect(disabled).toHaveBeenCalledTimes(1);
});

test('so does a manager', () => {
  const manager = new AllocatorManager('m');
  manager.register('h', new HeapAllocator('64KiB'), { owned: true });
  manager.withAllocator('h', () => manager.deallocate(manager.allocate(10), 10));
  manager.dispose();
  expect(disabled).toHaveBeenCalledTimes(1);
  expect(codeOf(() => manager.currentAllocator())).toBe('ERR_MEMORY_CLOSED');
  const unused = new AllocatorManager('unused');
  unused.dispose();
  expect(disabled).toHaveBeenCalledTimes(1);
});
