// Adaptors over a heap: what they add must not change what the blocks hold.
import { blockDriver } from './blocks.mjs';

const over = (name, options, more) => ({
  name: `${name} over a heap`,
  needs: [name, 'HeapAllocator'],
  make: (world) =>
    blockDriver(world, {
      what: name,
      open: () => new world.lib[name](new world.lib.HeapAllocator(2 * 2 ** 20), ...(options?.(world) ?? [])),
      sizeOf: () => 1 + (world.next() % 2000),
      most: 100,
      ...more,
    }),
});

export const adaptorDrivers = [
  over('GuardedAllocator'),
  over('TrackedAllocator'),
  over('MonitoredAllocator', () => [{ signal: { level: 'none' } }]),
  over('FailureInjectingAllocator', (world) => [{ probability: 0.02, seed: world.next() }], { refuses: true }),
];
