// Regions that nobody touches while everything else goes on: whoever writes where he must not is seen here.
import { expectFilled, fill } from './blocks.mjs';

const PAGE = 4096;

export const witnessDrivers = [
  {
    name: 'witnesses',
    drives: ['Region'],
    make(world) {
      const { Region } = world.lib;
      const makers = [
        () => Region.map(4 * PAGE),
        () => Region.map(4 * PAGE, { guard: true }),
        () => Region.map(4 * PAGE, { carrier: 'shared' }),
        () => Region.shared(4 * PAGE),
        () => Region.secret(PAGE),
      ];
      let regions = [];
      return {
        step() {
          if (regions.length >= 10) return;
          const region = world.attempt(world.pick(makers));
          if (region === undefined) return;
          world.met(region);
          regions.push(region);
          fill(region.bytes, regions.length);
        },
        check() {
          for (const [i, region] of regions.entries()) expectFilled(region.bytes, i + 1, 'witness');
        },
        rest() {
          this.check();
          for (const region of regions) region.free();
          regions = [];
        },
      };
    },
  },
];
