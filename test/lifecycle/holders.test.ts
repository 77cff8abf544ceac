// The native half of a Region: its slot is free again when the region is, and a stale or foreign one reaches nothing.
import { endedWell, inChild } from './child';

const FREED = 4;
const INVALID = 2;

describe('holders', () => {
  it('come back at once: a loop without a turn of the event loop goes on past every slot in bounded memory', () => {
    const outcome = inChild(`
      for (let i = 0; i < 50_000; i++) Region.map(PAGE).free();
      const before = process.memoryUsage.rss();
      let peak = before;
      for (let i = 0; i < 1_200_000; i++) {
        Region.map(PAGE).free();
        if (i % 65_536 === 0) peak = Math.max(peak, process.memoryUsage.rss());
      }
      const { regions, retiredRanges } = memory.totals();
      const grownMib = (Math.max(peak, process.memoryUsage.rss()) - before) / MIB;
      return { regions, retiredRanges, bounded: grownMib < 64 || grownMib };`);
    expect(outcome).toEqual(endedWell({ regions: 0, retiredRanges: 0, bounded: true }));
  });

  it('that were released stay so when their slot has a new owner', () => {
    const outcome = inChild(`
      const native = tools.raw();
      const stale = [];
      for (let i = 0; i < 100; i++) {
        const holder = native.mapAnonymous(PAGE, 0, 0, false, -1);
        native.release(holder, false, false, false);
        stale.push(holder);
      }
      const owner = native.mapAnonymous(PAGE, 0, 0, false, -1);
      native.pin(owner);
      const calls = {
        describe: (holder) => native.describe(holder),
        release: (holder) => native.release(holder, false, false, false),
        claim: (holder) => native.claim(holder),
        unpin: (holder) => native.unpin(holder),
        localBuffer: (holder) => native.localBuffer(holder, 0, PAGE),
        write: (holder) => native.write(holder, 0, new Uint8Array(8).fill(9)),
        remap: (holder) => native.remap(holder, 2 * PAGE),
      };
      const codes = new Set();
      for (const holder of stale) for (const call of Object.values(calls)) codes.add(call(holder)?.failed);
      const { pins, byteLength, stores } = native.describe(owner);
      native.unpin(owner);
      // Collected after their slot went on to others: nothing of the new owner is let go.
      stale.length = 0;
      await settle(() => false, 10);
      return { codes: [...codes], pins, byteLength, stores, freed: native.release(owner, false, false, false) };`);
    const left = { pins: 1, byteLength: 4096, stores: 0, freed: false };
    expect(outcome).toEqual(endedWell({ codes: [FREED], ...left }));
  });

  it('that nobody released are let go of by the collector, and others made since are not', () => {
    const outcome = inChild(`
      const kept = [];
      for (let i = 0; i < 500; i++) {
        Region.map(PAGE);
        kept.push(Region.map(PAGE));
        Region.map(PAGE).free();
      }
      const gone = await settle(() => memory.totals().regions === 500);
      kept.forEach((region, i) => region.write(0, new Uint8Array([i])));
      const right = kept.every((region, i) => region.bytes[0] === i % 256);
      for (const region of kept) region.free();
      return { gone, right, regions: memory.totals().regions };`);
    expect(outcome).toEqual(endedWell({ gone: true, right: true, regions: 0 }));
  });

  it('are not what other parts of the process call an External', () => {
    const outcome = inChild(`
      const native = tools.raw();
      const live = Array.from({ length: 2000 }, () => native.mapAnonymous(PAGE, 0, 0, false, -1));
      const { types } = require('node:util');
      const server = require('node:net').createServer().listen(0);
      const context = require('node:tls').createSecureContext().context;
      const foreign = [server._handle._externalStream, context._external].filter((value) => types.isExternal(value));
      const codes = foreign.map((value) => native.describe(value).failed);
      codes.push(native.describe({}).failed, native.describe(7).failed, native.describe().failed);
      server.close();
      return { some: foreign.length > 0, codes: [...new Set(codes)], live: native.describe(live[0]).holders };`);
    expect(outcome).toEqual(endedWell({ some: true, codes: [INVALID], live: 1 }));
  });

  it('of a worker that ends are let go of, released or not', () => {
    const outcome = inChild(`
      const w = worker(({ Region, parentPort }) => {
        globalThis.kept = [];
        for (let i = 0; i < 100; i++) {
          kept.push(Region.map(4096));
          Region.map(4096).free();
        }
        parentPort.postMessage('made');
      });
      const over = ended(w);
      await message(w);
      await over;
      return { regions: await until(() => memory.totals().regions === 0) };`);
    expect(outcome).toEqual(endedWell({ regions: true }));
  });
});
