// DESIGN section 2, sentence 1: three steps to let go.
import { type Region as AnyRegion, Region } from '../../lib/platform';
import { untilIdle } from '../support/idle';
import { endedWell, inChild } from './child';

const PAGE = 4096;
const MIB = 1 << 20;

describe('views', () => {
  const kinds: Record<string, () => AnyRegion> = {
    anonymous: () => Region.map(2 * PAGE),
    guarded: () => Region.map(2 * PAGE, { guard: true }),
    file: () => Region.mapFile(process.execPath, { length: 2 * PAGE }),
    secret: () => Region.secret(2 * PAGE),
  };

  it.each(Object.keys(kinds))('of a %s region drop to length 0 when it is freed', async (kind) => {
    const region = kinds[kind]!();
    const { buffer } = region;
    const views = [region.bytes, region.window(100, 50), new Uint16Array(buffer), new Uint8Array(buffer, 8, 8)];
    await untilIdle();
    region.free();
    expect(views.map((view) => [view.length, view.byteOffset])).toEqual(views.map(() => [0, 0]));
    expect(buffer.byteLength).toBe(0);
  });

  it.each(Object.keys(kinds))(
    'of a %s region drop to length 0 when it is protected, and its bytes are kept',
    async (kind) => {
      using region = kinds[kind]!();
      const first = region.bytes;
      first[5] = 55;
      await untilIdle();
      region.protect('read');
      expect(first).toHaveLength(0);
      expect(() => region.bytes).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_INVALID_STATE' }));
      const out = new Uint8Array(1);
      region.read(5, out);
      expect(out[0]).toBe(55);
      region.protect('readwrite');
      expect(region.bytes).not.toBe(first);
      expect(region.bytes[5]).toBe(55);
    },
  );

  it('drop to length 0 when the region is resized, and its bytes are kept', async () => {
    using region = Region.map(PAGE);
    const first = region.bytes.fill(3);
    await untilIdle();
    region.remap(3 * PAGE);
    expect(first).toHaveLength(0);
    expect([region.bytes.length, region.bytes[PAGE - 1], region.bytes[PAGE]]).toEqual([3 * PAGE, 3, 0]);
  });

  it('over shared memory keep their length and read zeros', () => {
    const region = Region.map(PAGE, { carrier: 'shared' });
    const { bytes } = region;
    bytes.fill(1);
    region.free();
    if (region.placement.got.carrier === 'shared') expect(bytes).toHaveLength(PAGE);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  it('of one region say nothing about those of another', () => {
    const [first, second] = [Region.map(PAGE), Region.map(PAGE)];
    second.bytes.fill(2);
    first.bytes.fill(1);
    first.free();
    expect(second.bytes.every((byte) => byte === 2)).toBe(true);
    second.free();
  });
});

describe('pages', () => {
  // Without the pages of files: those of the program itself come and go with what other processes need.
  const RSS = `() => {
      const status = readFileSync('/proc/self/status', 'latin1');
      return ['RssAnon', 'RssShmem'].reduce((sum, key) => sum + Number(new RegExp(key + ':\\\\s+(\\\\d+)').exec(status)[1]) * 1024, 0);
    }`;
  const freed = (make: string) => `
    const { readFileSync } = require('node:fs');
    const rss = ${RSS};
    const region = ${make};
    const views = [region.bytes];
    gc();
    const start = rss();
    views[0].fill(1);
    const touched = rss() - start;
    region.free();
    const left = rss() - start;
    return { touched: touched > 500 * MIB, back: left < 0.01 * touched, views: views.length };`;

  it.each([
    ['anonymous', 'Region.map(512 * MIB)'],
    ['in the shared carrier', "Region.map(512 * MIB, { carrier: 'shared' })"],
    ['of transparent huge pages', "Region.map(512 * MIB, { pages: 'thp' })"],
    ['shared', 'Region.shared(512 * MIB)'],
  ])('%s are back at the system when free() returns', (_, make) => {
    expect(inChild(freed(make))).toEqual(endedWell({ touched: true, back: true, views: 1 }));
  });

  it('are back although a transferred buffer is still over them', () => {
    const source = `
      if (!('transfer' in ArrayBuffer.prototype)) return { back: true, zero: true };
      const { readFileSync } = require('node:fs');
      const rss = ${RSS};
      const region = Region.map(256 * MIB);
      region.bytes.fill(1);
      const escaped = region.buffer.transfer();
      const before = rss();
      region.free();
      return { back: before - rss() > 250 * MIB, zero: new Uint8Array(escaped, 0, MIB).every((byte) => byte === 0) };`;
    expect(inChild(source)).toEqual(endedWell({ back: true, zero: true }));
  });
});

describe('pins', () => {
  it('keep a region from being freed, in any nesting', () => {
    const region = Region.map(PAGE);
    const pins = [region.pin(), region.pin(), region.pin()];
    for (const pin of pins) {
      expect(() => region.free()).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_IN_USE' }));
      expect(region.bytes).toHaveLength(PAGE);
      pin.release();
    }
    region.free();
    expect(region.state).toBe('freed');
  });

  it('of use() end with its work, however that ends', async () => {
    const region = Region.map(PAGE);
    expect(region.use((bytes) => bytes.length)).toBe(PAGE);
    expect(() =>
      region.use(() => {
        throw new RangeError('work');
      }),
    ).toThrow('work');
    await expect(
      region.use(async () => {
        throw new RangeError('later');
      }),
    ).rejects.toThrow('later');
    const slow = region.use(() => new Promise<string>((resolve) => setTimeout(resolve, 5, 'slow')));
    expect(() => region.free()).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_IN_USE' }));
    const freeing = region.freeWhenIdle();
    const keep = setInterval(() => {}, 100);
    await expect(slow).resolves.toBe('slow');
    await freeing;
    clearInterval(keep);
    expect(region.state).toBe('freed');
  });
});

describe('the addresses', () => {
  it('are not handed out again while a view may see them, and then are', () => {
    const source = `
      const address = (region) => /^([0-9a-f]+)/.exec(region)[1];
      const { readFileSync } = require('node:fs');
      const native = tools.raw();
      memory.configureQuarantine({ idle: 0 });
      const holder = native.mapAnonymous(4 * MIB, 0, 0, false, -1);
      let buffer = native.sharedCarrier() !== 0 ? native.sharedBuffer(holder, 0, 4 * MIB) : native.localBuffer(holder, 0, 4 * MIB);
      const at = native.describe(holder).address;
      native.release(holder, false, false, false);
      let reused = 0;
      const others = [];
      for (let i = 0; i < 50; i++) {
        const other = native.mapAnonymous(4 * MIB, 0, 0, false, -1);
        const found = native.describe(other).address;
        if (found < at + 4 * MIB && at < found + 4 * MIB) reused += 1;
        others.push(other);
        memory.drainQuarantine({ all: true });
      }
      const held = memory.totals().retiredRanges;
      const mapped = () => readFileSync('/proc/self/maps', 'latin1').split('\\n').some((line) => {
        const [start, end] = line.split(' ')[0].split('-').map((text) => parseInt(text, 16));
        return start <= at && at < end;
      });
      const before = mapped();
      const sum = new Uint8Array(buffer).reduce((a, b) => a + b, 0);
      buffer = null;
      for (const other of others) native.release(other, false, false, false);
      const gone = await settle(() => { memory.drainQuarantine({ all: true }); return !mapped(); });
      const { retiredRanges, quarantinedRanges } = memory.totals();
      return { reused, held, before, sum, gone, retiredRanges, quarantinedRanges };`;
    expect(inChild(source)).toEqual(
      endedWell({ reused: 0, held: 1, before: true, sum: 0, gone: true, retiredRanges: 0, quarantinedRanges: 0 }),
    );
  });

  it('wait for a job in another thread, even when the time of the quarantine is over', () => {
    const source = `
      memory.configureQuarantine({ idle: 0, busy: '10min' });
      const region = Region.map(32 * MIB);
      region.bytes.fill(1);
      // It reads until something is written, so it lasts as long as the looks below.
      const { openSync, read, writeSync } = require('node:fs');
      const path = require('node:path').join(tools.folder(), 'fifo');
      require('node:child_process').execFileSync('mkfifo', [path]);
      const fifo = openSync(path, 'r+');
      let over = false;
      read(fifo, region.bytes, 0, 4, null, () => { over = true; });
      region.free();
      let early = 0;
      let looks = 0;
      while (!over) {
        memory.drainQuarantine();
        const { retiredRanges, quarantinedRanges } = memory.totals();
        if (!over && retiredRanges + quarantinedRanges === 0) early += 1;
        looks += 1;
        if (looks === 10) writeSync(fifo, 'abcd');
        await sleep(5);
      }
      const gone = await settle(() => { memory.drainQuarantine(); const t = memory.totals(); return t.retiredRanges + t.quarantinedRanges === 0; });
      return { early, looked: looks >= 10, gone };`;
    expect(inChild(source)).toEqual(endedWell({ early: 0, looked: true, gone: true }));
  });

  it('stay quarantined for the time that was configured, and are given back by the timer', () => {
    const source = `
      memory.configureQuarantine({ idle: '10min' });
      const first = Region.map(MIB);
      first.bytes[0] = 1;
      first.free();
      await settle(() => memory.totals().quarantinedRanges === 1);
      const kept = [memory.drainQuarantine(), memory.totals().quarantinedRanges];
      memory.configureQuarantine({ idle: 1 });
      const drained = await until(() => memory.totals().quarantinedRanges === 0);
      return { kept, drained };`;
    expect(inChild(source)).toEqual(endedWell({ kept: [0, 1], drained: true }));
  });
});

describe('what is dropped without free()', () => {
  it('is let go after a collection: the totals return to where they were', () => {
    const source = `
      const start = memory.totals();
      (() => {
        for (let i = 0; i < 200; i++) {
          const region = i % 2 === 0 ? Region.map(MIB, { guard: i % 4 === 0 }) : Region.map(MIB, { carrier: 'shared' });
          region.bytes[0] = 1;
          if (i % 5 === 0) region.pin();
          Region.shared(PAGE).window(0, 8)[0] = 1;
        }
      })();
      const most = memory.totals();
      const gone = await settle(() => {
        memory.drainQuarantine({ all: true });
        const now = memory.totals();
        return ['regions', 'mappedBytes', 'retiredRanges', 'retiredBytes', 'quarantinedRanges', 'quarantinedBytes', 'abandonedRanges', 'mappings'].every((key) => now[key] === start[key]);
      });
      return { regions: most.regions, gone };`;
    expect(inChild(source)).toEqual(endedWell({ regions: 400, gone: true }));
  });
});

it('frees 512 MiB regions without touching what others hold', () => {
  const kept = Region.map(MIB);
  kept.bytes.fill(0x77);
  for (let i = 0; i < 5; i++) Region.map(512 * MIB).free();
  expect(kept.bytes.every((byte) => byte === 0x77)).toBe(true);
  kept.free();
});
