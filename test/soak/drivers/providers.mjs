// Providers: each region that is out keeps its pattern; a reused one begins as zeros.
import { expectFilled, fill } from './blocks.mjs';

const PAGE = 4096;

function providerDriver(world, what, open) {
  let provider = null;
  const out = [];
  let serial = 0;
  const head = ({ region }) => region.bytes.subarray(0, Math.min(2 * PAGE, region.byteLength));

  function give(at) {
    const item = out[at];
    expectFilled(head(item), item.serial, what);
    provider.release(item.region);
    out.splice(at, 1);
  }
  return {
    step() {
      provider ??= world.attempt(open) ?? null;
      if (provider === null) return;
      world.attempt(() => {
        if (out.length < 20 && world.chance(55)) {
          const region = provider.acquire((1 + (world.next() % 40)) * PAGE);
          const item = { region, serial: serial++ };
          out.push(item);
          const bytes = head(item);
          if (bytes.some((byte) => byte !== 0)) throw new Error(`${what}: a region that was acquired is not zeros`);
          fill(bytes, item.serial);
        } else if (out.length > 0) {
          give(world.next() % out.length);
        } else if (world.chance(20)) provider.trim();
      });
    },
    check() {
      for (const item of out) expectFilled(head(item), item.serial, what);
    },
    rest() {
      if (provider === null) return;
      while (out.length > 0) give(0);
      provider.trim();
      provider.dispose?.();
      provider = null;
    },
  };
}

export const providerDrivers = [
  {
    name: 'page provider',
    needs: ['PageProvider'],
    make: (world) => providerDriver(world, 'page provider', () => new world.lib.PageProvider()),
  },
  {
    name: 'cached provider',
    needs: ['CachedProvider', 'PageProvider'],
    make: (world) =>
      providerDriver(world, 'cached provider', () => new world.lib.CachedProvider(new world.lib.PageProvider())),
  },
  {
    name: 'shared provider',
    needs: ['SharedProvider'],
    make: (world) => providerDriver(world, 'shared provider', () => new world.lib.SharedProvider()),
  },
];
