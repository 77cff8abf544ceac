import { blockDriver } from './blocks.mjs';

const small = (world) => () => 1 + (world.next() % 1000);
/** Mostly small, now and then some hundred KiB. */
const mixed = (world) => () => (world.chance(3) ? 1 + (world.next() % 300_000) : 1 + (world.next() % 1000));

export const allocatorDrivers = [
  {
    name: 'bump',
    needs: ['BumpAllocator'],
    make: (world) =>
      blockDriver(world, {
        what: 'bump',
        open: () => new world.lib.BumpAllocator(256 * 1024),
        sizeOf: small(world),
        order: 'none',
      }),
  },
  {
    name: 'stack',
    needs: ['StackAllocator'],
    make: (world) =>
      blockDriver(world, {
        what: 'stack',
        open: () => new world.lib.StackAllocator(256 * 1024),
        sizeOf: small(world),
        order: 'lifo',
      }),
  },
  {
    name: 'block',
    needs: ['BlockAllocator'],
    make: (world) =>
      blockDriver(world, {
        what: 'block',
        open: () => new world.lib.BlockAllocator({ blockBytes: 512, blocks: 128 }),
        sizeOf: () => 1 + (world.next() % 512),
        alignments: [1, 8],
      }),
  },
  {
    name: 'heap',
    needs: ['HeapAllocator'],
    make: (world) =>
      blockDriver(world, {
        what: 'heap',
        open: () => new world.lib.HeapAllocator(8 * 2 ** 20),
        sizeOf: mixed(world),
      }),
  },
  {
    name: 'system',
    needs: ['SystemAllocator'],
    make: (world) =>
      blockDriver(world, {
        what: 'system',
        open: () => new world.lib.SystemAllocator(),
        sizeOf: mixed(world),
        most: 50,
      }),
  },
];
