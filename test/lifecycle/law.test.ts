// DESIGN section 2, sentences 2 to 8, as far as regions go.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSharedArrayBuffer } from 'node:util/types';
import { memory, Region } from '../../lib/platform';
import { native } from '../../lib/platform/native';
import { withPool } from '../support/huge-pool';
import { endedWell, inChild } from './child';

const PAGE = 4096;
const MIB = 1 << 20;
const code = (suffix: string) => expect.objectContaining({ code: `ERR_MEMORY_${suffix}` });

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nebula-law-'));
  path = join(folder, 'file');
  writeFileSync(path, Buffer.alloc(4 * PAGE, 65));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('everything a view can reach is mapped read-write', () => {
  it('so a stray write through a copied file changes neither the file nor the process', () => {
    using region = Region.mapFile(path);
    region.bytes.fill(66);
    region.decommit();
    expect(region.bytes.every((byte) => byte === 65)).toBe(true);
    region.bytes.fill(67);
    expect(readFileSync(path).every((byte) => byte === 65)).toBe(true);
  });

  it('and a shared mapping changes the file', async () => {
    using region = Region.mapFile(path, { mode: 'shared' });
    region.bytes[PAGE] = 70;
    await region.flushAsync({ offset: PAGE, length: 1 });
    expect(readFileSync(path)[PAGE]).toBe(70);
  });

  it('and no view exists of what is protected', () => {
    using region = Region.map(PAGE);
    for (const access of ['read', 'none'] as const) {
      region.protect(access);
      for (const look of [() => region.bytes, () => region.buffer, () => region.window(0, 1)]) {
        expect(look).toThrow(code('INVALID_STATE'));
      }
    }
  });

  it('and the mapping behind each kind of view is readable and writable', () => {
    const regions = [
      Region.map(PAGE),
      Region.map(PAGE, { guard: true }),
      Region.mapFile(path),
      Region.shared(PAGE),
      Region.secret(PAGE),
    ];
    for (const region of regions) {
      region.bytes[0] = 1;
      expect(region.access).toBe('readwrite');
      region.free();
    }
  });
});

describe('no surprise at fault time', () => {
  it('a truncated file reads zeros, tells it once, and can be freed', () => {
    const source = `
      const { truncateSync, writeFileSync } = require('node:fs');
      const path = require('node:path').join(tools.folder(), 'file');
      writeFileSync(path, Buffer.alloc(4 * PAGE, 65));
      const region = Region.mapFile(path, { mode: 'shared' });
      const { bytes } = region;
      truncateSync(path, 0);
      const zeros = bytes.every((byte) => byte === 0);
      const codes = [() => region.zero(), () => region.zero(), () => region.free()].map(tools.codeOf);
      return { zeros, codes };`;
    expect(inChild(source)).toEqual(endedWell({ zeros: true, codes: ['FAULTED', 'none', 'none'] }));
  });

  it('huge pages are there when the call returns, or the placement says why not', () => {
    const { got, fallbacks } = withPool(() => {
      using region = Region.map('2MiB', { pages: '2MiB' });
      return region.placement;
    });
    expect(got.pages === '2MiB' ? got.populated : fallbacks.some(({ reason }) => reason.length > 0)).toBe(true);
    expect(() => Region.map('1TiB', { pages: '2MiB', strict: true })).toThrow(code('HUGE_PAGES_UNAVAILABLE'));
  });

  it('more than is there is refused before it is populated, for every kind', () => {
    // More than the machine or the group has, and not a little more than it has left: others give back all the time.
    const { effectiveBytes } = memory.limits();
    if (effectiveBytes === null) return; // nobody tells here
    const size = effectiveBytes + 64 * MIB;
    expect(() => Region.map(size, { populate: true })).toThrow(/OUT_OF_MEMORY|cannot be made present|no memory/);
    expect(() => Region.secret(size)).toThrow(code('OUT_OF_MEMORY'));
  });

  it('mappings are counted, and one too many is an error', () => {
    const source = `
      const native = tools.raw();
      native.configureMappingLimit(2000);
      const before = memory.totals().mappings;
      const made = [];
      let code;
      try { for (;;) made.push(Region.map(PAGE, { guard: true })); } catch (error) { code = error.code; }
      const { mappings, mappingLimit } = memory.totals();
      for (const region of made) region.free();
      const after = memory.totals().mappings;
      Region.map(PAGE, { guard: true }).free();
      return { code, counted: mappings - before === made.length * 3, mappingLimit, back: after === before };`;
    expect(inChild(source)).toEqual(
      endedWell({ code: 'ERR_MEMORY_MAP_LIMIT', counted: true, mappingLimit: 2000, back: true }),
    );
  });
});

describe('counted holders, two carriers', () => {
  it('gives a local buffer by default, whatever the size', () => {
    for (const size of [1, PAGE, MIB, 256 * MIB]) {
      using region = Region.map(size);
      expect(region.placement.got.carrier).toBe('local');
      expect(isSharedArrayBuffer(region.buffer)).toBe(false);
    }
  });

  it('gives a shared one where it is asked for and there is any', () => {
    using region = Region.map(PAGE, { carrier: 'shared' });
    const exists = native().sharedCarrier() !== 0;
    expect(region.placement.got.carrier).toBe(exists ? 'shared' : 'local');
    expect(isSharedArrayBuffer(region.buffer)).toBe(exists);
    expect(region.placement.fallbacks.map(({ wanted }) => wanted)).toEqual(exists ? [] : ['carrier shared']);
  });

  it('counts every holder: the memory goes with the last one', () => {
    const first = Region.shared(PAGE);
    const second = Region.attach(first.handle);
    const third = Region.attach(second.handle);
    first.bytes[7] = 7;
    first.free();
    expect(third.bytes[7]).toBe(7);
    third.free();
    expect(second.bytes[7]).toBe(7);
    const { handle } = second;
    second.free();
    expect(() => Region.attach({ ...handle, remote: null })).toThrow(code('STALE_HANDLE'));
  });

  const collections = (carrier: string) => `
    const { PerformanceObserver } = require('node:perf_hooks');
    if (tools.raw().sharedCarrier() === 0) return 'no shared carrier';
    const heap = Array.from({ length: 300_000 }, (_, i) => ({ i }));
    // Entries arrive some turns later, however long those take: they are told apart by when they began.
    const begins = [];
    new PerformanceObserver((list) => { for (const entry of list.getEntries()) begins.push(entry.startTime); }).observe({ entryTypes: ['gc'] });
    gc();
    await until(() => begins.length > 0);
    const from = performance.now();
    const regions = [];
    for (let i = 0; i < 64; i++) {
      const region = Region.map(64 * MIB, { carrier: '${carrier}' });
      region.bytes[0] = 1;
      regions.push(region);
    }
    const to = performance.now();
    gc();
    await until(() => begins.some((at) => at >= to));
    return { some: begins.some((at) => at >= from && at < to), regions: regions.length, heap: heap.length };`;

  it('big shared regions cause no collection', () => {
    const { result, ...end } = inChild(collections('shared'));
    expect(end).toEqual({ code: 0, signal: null });
    expect(['no shared carrier', { some: false, regions: 64, heap: 300_000 }]).toContainEqual(result);
  });

  it('while local ones do: the measure above measures', () => {
    const { result } = inChild(collections('local'));
    expect(['no shared carrier', { some: true, regions: 64, heap: 300_000 }]).toContainEqual(result);
  });

  it('tells V8 nothing more than it finds out by itself', () => {
    const source = `
      gc();
      const start = process.memoryUsage().external;
      const regions = [Region.map(64 * MIB), Region.map(64 * MIB, { carrier: 'shared' }), Region.map(64 * MIB)];
      const untouched = process.memoryUsage().external - start;
      regions[0].bytes[0] = 1;
      regions[1].bytes[0] = 1;
      const local = process.memoryUsage().external - start;
      for (const region of regions) region.free();
      const back = await settle(() => process.memoryUsage().external - start < MIB && process.memoryUsage().external - start > -MIB);
      return { untouched: Math.round(untouched / MIB), local: Math.round(local / MIB), back };`;
    expect(inChild(source)).toEqual(endedWell({ untouched: 0, local: 64, back: true }));
  });

  it('a worker that ends lets go of its share', () => {
    const source = `
      const region = Region.shared(PAGE);
      const w = worker(({ Region, parentPort, data }) => {
        for (let i = 0; i < 5; i++) Region.attach(data).bytes[0] += 1;
        Region.map(65536).bytes.fill(1);
        parentPort.postMessage('done');
      }, region.handle);
      const over = ended(w);
      await message(w);
      await over;
      region.free();
      return { byte: 5, regions: memory.totals().regions };`;
    expect(inChild(source)).toEqual(endedWell({ byte: 5, regions: 0 }));
  });
});

describe('stale is an error', () => {
  it('for a double free, a freed region and its handle', () => {
    const region = Region.shared(PAGE);
    const { handle } = region;
    region.free();
    expect(() => region.free()).toThrow(code('DOUBLE_FREE'));
    expect(() => region.zero()).toThrow(code('FREED'));
    expect(() => Region.attach({ ...handle, remote: null })).toThrow(code('STALE_HANDLE'));
    expect([region.state, region.byteLength]).toEqual(['freed', 0]);
  });

  it('also when the slot has a new tenant', () => {
    const old = Region.map(PAGE, { carrier: 'shared' });
    const { handle } = old;
    old.free();
    using next = Region.map(PAGE, { carrier: 'shared' });
    expect(next.handle.slot).toBe(handle.slot);
    expect(() => Region.attach(handle)).toThrow(code('STALE_HANDLE'));
  });
});

describe('nothing hangs the exit', () => {
  it('neither live regions nor a quarantine that is not over', () => {
    const source = `
      memory.configureQuarantine({ idle: '10min', busy: '10min' });
      globalThis.kept = [Region.map(MIB), Region.shared(MIB), Region.secret(PAGE)];
      for (const region of kept) region.bytes[0] = 1;
      const freed = Region.map(MIB);
      freed.bytes[0] = 1;
      freed.free();
      kept[0].pin();
      void kept[0].freeWhenIdle();
      await settle(() => memory.totals().quarantinedRanges === 1);
      return 'ended';`;
    expect(inChild(source)).toEqual(endedWell('ended'));
  });
});
