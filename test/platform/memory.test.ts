import { readFileSync } from 'node:fs';
import { memory, Region } from '../../lib/platform';
import { untilCollected } from '../support/collected';
import { runChild } from './region/support';

const MIB = 1024 * 1024;

it('totals() counts what regions hold', async () => {
  await untilCollected();
  const before = memory.totals();
  const one = Region.map('2MiB');
  const two = Region.map(1, { guard: true });
  const during = memory.totals();
  expect([during.regions - before.regions, during.mappedBytes - before.mappedBytes]).toEqual([2, 2 * MIB + 4096]);
  expect(during.mappings).toBeGreaterThan(before.mappings);
  expect(during.mappingLimit).toBeGreaterThan(1000);
  one.free();
  two.free();
  expect(memory.totals()).toEqual(before);
});

it('half of what the kernel allows is the limit of mappings', () => {
  const allowed = Number(readFileSync('/proc/sys/vm/max_map_count', 'latin1'));
  expect(memory.totals().mappingLimit).toBe(Math.floor(allowed / 2));
});

it('freed views wait in quarantine and can be drained', () => {
  const source = `memory.configureQuarantine({ idle: '1h', busy: '1h' });
    (() => { const region = Region.map('1MiB'); region.bytes[0] = 1; region.free(); })();
    const waiting = () => { const held = memory.totals(); return [held.regions, held.retiredBytes, held.quarantinedBytes]; };
    const [regions, retired, quarantined] = waiting();
    const turn = () => {
      gc();
      if (waiting()[2] === 0) return setImmediate(turn);
      const drained = [memory.drainQuarantine(), memory.drainQuarantine({ all: true })];
      console.log(JSON.stringify([regions, retired + quarantined, drained, waiting()]));
    };
    turn();`;
  const { output, stderr } = runChild(source, { execArgv: ['--expose-gc'] });
  expect([output, stderr]).toEqual([[0, MIB, [0, MIB], [0, 0, 0]], '']);
});

it('configureQuarantine() refuses times that are none', () => {
  for (const times of [{ idle: 'soon' }, { busy: -1 }, { idle: Number.NaN }]) {
    expect(() => memory.configureQuarantine(times)).toThrow(expect.objectContaining({ category: 'validation' }));
  }
});

it('processMemory() adds up to the resident bytes, and sees a region', () => {
  // In a process of its own: what the heap of this one gives back meanwhile may be more than the region.
  const source = `const before = memory.processMemory();
    const region = Region.map('64MiB', { populate: true });
    const after = memory.processMemory();
    const sum = Object.values(after.breakdown).reduce((total, part) => total + (part ?? 0), 0);
    console.log(JSON.stringify([(after.rssBytes - before.rssBytes) / 2 ** 20, sum - after.rssBytes, region.byteLength]));`;
  const [grownMib, rest, byteLength] = runChild(source).output as [number, number, number];
  expect(grownMib).toBeGreaterThan(32);
  expect([rest, byteLength]).toEqual([0, 64 * MIB]);
});

it('limits(), topology(), hugePages() and pressure() read this machine', () => {
  const limits = memory.limits();
  expect(limits.machine.totalBytes).toBe(
    Number(/MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1]) * 1024,
  );
  expect(limits.effectiveBytes).toBeLessThanOrEqual(limits.machine.totalBytes ?? 0);
  expect(memory.topology().nodes.length).toBeGreaterThan(0);
  expect(Array.isArray(memory.hugePages().pools)).toBe(true);
  expect(memory.pressure()).toBeDefined();
});

it('is frozen', () => {
  expect(Object.isFrozen(memory)).toBe(true);
});
