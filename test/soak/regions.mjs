// Regions of every kind, made and used at random.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MUNLOCK_WORKS } from './books.mjs';

const PAGE = 4096;

export function regionWork(world) {
  const { next, chance, pick, folder, crew } = world;
  const { Region } = world.lib;
  const file = join(folder, 'file');
  writeFileSync(file, Buffer.alloc(16 * PAGE, 1));
  let serial = 0;

  const makers = {
    anonymous() {
      const options = { carrier: pick(['local', 'local', 'shared']) };
      if (chance(20)) options.guard = true;
      if (chance(20)) options.pages = pick(['base', 'thp', 'huge', '2MiB']);
      if (chance(10)) options.populate = true;
      if (chance(3)) options.lock = true;
      if (chance(10)) options.dump = false;
      if (chance(10)) options.fork = pick(['inherit', 'exclude', 'wipe']);
      if (chance(10)) options.name = 'soak';
      if (chance(10)) options.numa = 'local';
      return Region.map((1 + (next() % 64)) * 1024, options);
    },
    large: () =>
      Region.map((1 + (next() % 8)) * 2 ** 20, { carrier: pick(['local', 'shared']), pages: pick(['base', 'thp']) }),
    copy: () => Region.mapFile(file, { length: (1 + (next() % 16)) * PAGE }),
    file() {
      const path = join(folder, `made-${serial++}`);
      const length = (1 + (next() % 8)) * PAGE;
      const carrier = pick(['local', 'shared']);
      try {
        return Region.mapFile(path, { mode: 'shared', create: true, length, carrier });
      } finally {
        rmSync(path, { force: true });
      }
    },
    shared: () => Region.shared((1 + (next() % 16)) * PAGE),
    named() {
      const name = `nebula-soak-${process.pid}-${serial++}`;
      const region = Region.shared(PAGE, { name });
      try {
        Region.open(name).free();
      } finally {
        world.unarmed(() => Region.unlink(name));
      }
      return region;
    },
    secret: () => Region.secret(1 + (next() % PAGE)),
  };

  const isShareable = (region) => region.placement.asked.carrier === 'shared';
  const uses = {
    fill: (region) => region.bytes.fill(next()),
    touch(region) {
      region.bytes[next() % region.byteLength] = 1;
    },
    window: (region) => region.window(0, Math.min(64, region.byteLength)).fill(2),
    zero: (region) => region.zero(),
    decommit: (region) => region.decommit(),
    advise: (region) => region.advise(pick(['normal', 'random', 'willneed', 'dontdump', 'dodump', 'cold'])),
    protect(region) {
      region.protect(pick(['read', 'none']));
      if (chance(80)) region.protect('readwrite');
    },
    remap: (region) => region.remap((1 + (next() % 32)) * PAGE),
    residency: (region) => region.residency(),
    copy(region) {
      const out = new Uint8Array(Math.min(100, region.byteLength));
      region.read(0, out);
      region.write(0, out);
    },
    lock(region) {
      if (!chance(30)) return;
      region.lock();
      if (!chance(80)) return; // let go of while locked
      region.unlock();
      const { lockedBytes, exact } = region.pageStats();
      if (MUNLOCK_WORKS && exact && lockedBytes > 0) throw new Error(`${lockedBytes} bytes are locked after unlock()`);
    },
    pinned(region) {
      const pin = region.pin();
      try {
        region.bytes[0] = 1;
      } finally {
        pin.release();
      }
    },
    used: (region) => region.use((bytes) => bytes[0]),
    flush: (region) => region.flush(),
    flushAsync: (region) => void region.flushAsync().catch(() => {}),
    attach(region) {
      if (!isShareable(region)) return;
      const again = Region.attach(region.handle);
      again.bytes[0] = 1;
      if (chance(80)) again.free(); // else left to the collector
    },
    transfer(region) {
      const { buffer } = region;
      if (typeof buffer.transfer === 'function') new Uint8Array(buffer.transfer()).fill(3); // and dropped
    },
    share(region) {
      if (isShareable(region)) crew.tell(world, { kind: 'region', handle: region.handle, free: chance(70) });
    },
  };

  const KINDS = 'anonymous anonymous anonymous anonymous copy file shared shared named secret large'.split(' ');
  const names = Object.keys(uses);
  let live = [];
  let stubborn = [];

  function letGo(region) {
    world.attempt(() => region.free());
    // In use, or its free was refused: the next rest takes it.
    if (region.state !== 'freed') stubborn.push(region);
  }

  return {
    get held() {
      return live.length + stubborn.filter(({ state }) => state === 'live').length;
    },
    step(most) {
      const region = world.attempt(makers[pick(KINDS)]);
      if (region !== undefined) {
        live.push(region);
        for (let n = next() % 4; n > 0; n--) {
          const name = pick(names);
          world.attempt(() => uses[name](region));
        }
      }
      while (live.length > most || (live.length > 0 && chance(40))) {
        const at = next() % live.length;
        const gone = live[at];
        live[at] = live[live.length - 1];
        live.length -= 1;
        if (chance(90)) letGo(gone); // the rest is dropped, and so are those in use
      }
    },
    rest() {
      for (const region of [...live, ...stubborn]) {
        if (region.state === 'live') world.attempt(() => region.free());
      }
      live = [];
      stubborn = [];
    },
  };
}
