// Providers: each region that is out keeps its pattern; a reused one begins as zeros.
import { expectFilled, fill } from './blocks.mjs';
import { manualClock } from './clock.mjs';

const PAGE = 4096;
/** What a machine may have none of. */
const LACKING = ['HUGE_PAGES_UNAVAILABLE', 'NUMA_UNAVAILABLE', 'OUT_OF_MEMORY'];

/** @param most regions that are out at once; @param pages of the largest one */
function providerDriver(world, { what, open, most = 20, pages = 40, extra = (provider) => provider.trim() }) {
  let provider = null;
  const out = [];
  let serial = 0;
  const head = ({ region }) => region.bytes.subarray(0, Math.min(2 * PAGE, region.byteLength));

  function take() {
    const region = provider.acquire((1 + (world.next() % pages)) * PAGE);
    const item = { region, serial: serial++ };
    out.push(item);
    const bytes = head(item);
    if (bytes.some((byte) => byte !== 0)) throw new Error(`${what}: a region that was acquired is not zeros`);
    fill(bytes, item.serial);
  }
  function give(at) {
    const item = out[at];
    expectFilled(head(item), item.serial, what);
    provider.release(item.region);
    out.splice(at, 1);
  }
  return {
    step() {
      provider ??= world.met(world.attempt(open) ?? null);
      if (provider === null) return;
      world.attempt(() => {
        if (out.length < most && world.chance(55)) {
          take();
        } else if (out.length > 0 && world.chance(90)) {
          give(world.next() % out.length);
        } else if (world.chance(30)) extra(provider);
      }, LACKING);
    },
    check() {
      for (const item of out) expectFilled(head(item), item.serial, what);
    },
    rest() {
      if (provider === null) return;
      if (out.length === 0) world.attempt(take, LACKING); // a release that forgets shows here
      while (out.length > 0) give(0);
      provider.trim();
      const { cachedBytes = 0 } = provider.stats?.() ?? {};
      if (cachedBytes !== 0) throw new Error(`${what}: ${cachedBytes} bytes are kept after trim()`);
      provider.dispose?.();
      provider = null;
    },
  };
}

const provider = (name, className, options) => ({
  name,
  drives: [className],
  make: (world) => providerDriver(world, { what: name, open: () => new world.lib[className](), ...options?.(world) }),
});

export const providerDrivers = [
  provider('page provider', 'PageProvider'),
  provider('shared provider', 'SharedProvider'),
  provider('huge page provider', 'HugePageProvider', (world) => ({
    open: () => new world.lib.HugePageProvider(world.pick(['2MiB', 'thp'])),
    most: 4,
  })),
  provider('numa provider', 'NumaProvider'),
  provider('file provider', 'FileProvider', (world) => ({
    open: () => new world.lib.FileProvider(world.folder, { keep: false }),
    most: 6,
  })),
  {
    name: 'cached provider',
    drives: ['CachedProvider'],
    needs: ['PageProvider'],
    make(world) {
      const { CachedProvider, PageProvider } = world.lib;
      let time = manualClock();
      return providerDriver(world, {
        what: 'cached provider',
        open() {
          time = manualClock();
          return new CachedProvider(new PageProvider(), {
            clock: time,
            timer: time.every,
            decayMs: 10_000,
            maxCachedBytes: world.pick(['512KiB', '4MiB']),
          });
        },
        extra(cached) {
          const before = cached.stats().cachedBytes;
          const choice = world.next() % 3;
          const keep = choice === 0 ? world.pick([0, 65_536, 2 ** 20]) : Number.POSITIVE_INFINITY;
          if (choice === 0) cached.trim(keep);
          else if (choice === 1) time.advance(world.next() % 2000);
          else for (let i = 0; i < 80; i++) time.advance(160);
          const { cachedBytes } = cached.stats();
          if (cachedBytes > Math.min(before, keep) && !world.isArmed()) {
            throw new Error(`cached provider: it keeps ${cachedBytes} bytes of ${before}, ${keep} are allowed`);
          }
          if (choice === 2 && cachedBytes !== 0 && !world.isArmed()) {
            throw new Error(`cached provider: ${cachedBytes} bytes are kept after the time of decay`);
          }
        },
      });
    },
  },
];
