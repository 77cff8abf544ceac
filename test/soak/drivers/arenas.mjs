import { blockDriver } from './blocks.mjs';

export const arenaDrivers = [
  {
    name: 'arena',
    needs: ['Arena'],
    make: (world) =>
      blockDriver(world, {
        what: 'arena',
        open: () =>
          new world.lib.Arena(16 * 1024, {
            maxChunkBytes: '256KiB',
            limitBytes: '2MiB',
            onReset: world.pick(['reuse', 'detach']),
          }),
        sizeOf: () => (world.chance(3) ? 1 + (world.next() % 100_000) : 1 + (world.next() % 1000)),
        order: 'none',
      }),
  },
];
