import fc from 'fast-check';
import { openSysroot, type ProcessMemory, type ProcessNumbers, readProcessMemory } from '../../../lib/platform/machine';
import { MachinePark, type MachineSpec, numaMachines } from '../../sysroots';

const park = new MachinePark();
afterAll(() => park.remove());

const KIB = 1024;
const MACHINE: MachineSpec = {
  files: {
    '/proc/self/status':
      'Name:\tnode\nVmSize:\t  900000 kB\nVmLck:\t      64 kB\nVmHWM:\t   12000 kB\nVmRSS:\t    9990 kB\nVmSwap:\t       8 kB\nHugetlbPages:\t    2048 kB\n',
    '/proc/self/smaps_rollup':
      '00400000-7fff0000 ---p 00000000 00:00 0    [rollup]\nRss:   10000 kB\nPss:    8000 kB\nPrivate_Clean:   1000 kB\nPrivate_Dirty:   6000 kB\nSwap:   16 kB\n',
  },
};

function read(numbers: ProcessNumbers, spec: MachineSpec = MACHINE): ProcessMemory {
  return readProcessMemory(openSysroot(park.root(spec)), numbers);
}

const USAGE = { rss: 5000 * KIB, heapTotal: 3000 * KIB, external: 2500 * KIB, arrayBuffers: 2000 * KIB };

it('splits RSS into parts that add up', () => {
  // Our external buffers count in `external` and are taken out there, because their pages are counted by residency.
  const usage = { ...USAGE, external: 4000 * KIB, arrayBuffers: 500 * KIB };
  expect(read({ memoryUsage: usage, ours: { residentBytes: 4000 * KIB, externalBytes: 3000 * KIB } })).toEqual({
    rssBytes: 10000 * KIB,
    pssBytes: 8000 * KIB,
    ussBytes: 7000 * KIB,
    peakRssBytes: 12000 * KIB,
    swapBytes: 16 * KIB,
    hugetlbBytes: 2048 * KIB,
    lockedBytes: 64 * KIB,
    virtualBytes: 900000 * KIB,
    breakdown: {
      oursResidentBytes: 4000 * KIB,
      heapBytes: 3000 * KIB,
      arrayBuffersBytes: 500 * KIB,
      externalBytes: 500 * KIB,
      otherBytes: 2000 * KIB,
    },
    notResidentBytes: 0,
    degraded: [],
  });
});

it('prefers the physical heap size, and cuts what cannot be resident', () => {
  const memory = read({
    memoryUsage: { ...USAGE, external: 90000 * KIB, arrayBuffers: 80000 * KIB },
    heapStatistics: { total_physical_size: 1000 * KIB },
  });
  expect(memory.breakdown).toEqual({
    oursResidentBytes: 0,
    heapBytes: 1000 * KIB,
    arrayBuffersBytes: 9000 * KIB,
    externalBytes: 0,
    otherBytes: 0,
  });
  expect(memory.notResidentBytes).toBe(81000 * KIB);
});

it('leaves our buffers among the external memory when their residency is not known', () => {
  const { breakdown } = read({ memoryUsage: USAGE, ours: { residentBytes: null, externalBytes: 500 * KIB } });
  expect(breakdown).toMatchObject({ oursResidentBytes: null, arrayBuffersBytes: 2000 * KIB, externalBytes: 500 * KIB });
});

it('rests on the numbers given without /proc', () => {
  const memory = read({ memoryUsage: USAGE }, numaMachines.empty);
  expect(memory).toMatchObject({
    rssBytes: 5000 * KIB,
    pssBytes: null,
    ussBytes: null,
    peakRssBytes: null,
    swapBytes: null,
  });
  expect(memory.degraded.map(({ field }) => field)).toEqual(['rssBytes', 'pssBytes']);
});

it('adds up and is never negative, whatever the numbers', () => {
  const size = fc.integer({ min: 0, max: 2 ** 40 });
  const usage = fc.record({ rss: size, heapTotal: size, external: size, arrayBuffers: size });
  const ours = fc.option(fc.record({ residentBytes: fc.option(size), externalBytes: size }), { nil: undefined });
  fc.assert(
    fc.property(usage, ours, (memoryUsage, held) => {
      const { breakdown, rssBytes, notResidentBytes } = read({ memoryUsage, ours: held }, numaMachines.empty);
      const parts = Object.values(breakdown).map((part) => part ?? 0);
      expect(Math.min(...parts, notResidentBytes)).toBeGreaterThanOrEqual(0);
      expect(parts.reduce((sum, part) => sum + part, 0)).toBe(rssBytes);
    }),
    { seed: 20_261_121 }, // the same numbers at every run,
  );
});

it('reads this process', () => {
  const memory = readProcessMemory(openSysroot(), { memoryUsage: process.memoryUsage() });
  expect(memory.rssBytes).toBeGreaterThan(10 * KIB * KIB);
});
