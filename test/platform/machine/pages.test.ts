import { type HugePages, openSysroot, readHugePages } from '../../../lib/platform/machine';
import { MachinePark, type MachineSpec, pageMachines as machines, numaMachines } from '../../sysroots';

const park = new MachinePark();
afterAll(() => park.remove());

const read = (spec: MachineSpec): HugePages => readHugePages(openSysroot(park.root(spec)));

it('reads pools by size and node, and the transparent switches', () => {
  expect(read(machines.pools)).toEqual({
    defaultPageBytes: 2097152,
    pools: [
      {
        pageBytes: 2097152,
        total: 520,
        free: 500,
        reserved: 16,
        surplus: 4,
        overcommit: 32,
        nodes: [
          { node: 0, total: 512, free: 500, surplus: 0 },
          { node: 1, total: 8, free: 0, surplus: 4 },
        ],
      },
      {
        pageBytes: 1073741824,
        total: 4,
        free: 2,
        reserved: 0,
        surplus: 0,
        overcommit: 0,
        nodes: [
          { node: 0, total: 0, free: 0, surplus: 0 },
          { node: 1, total: 4, free: 2, surplus: 0 },
        ],
      },
    ],
    thp: {
      available: true,
      enabled: 'never',
      defrag: 'madvise',
      shmemEnabled: 'never',
      pmdBytes: 2097152,
      khugepaged: { defrag: true, pagesToScan: 4096, scanSleepMs: 10000, maxPtesNone: 511 },
      sizes: [
        { pageBytes: 65536, enabled: 'madvise', shmemEnabled: 'never' },
        { pageBytes: 2097152, enabled: 'inherit', shmemEnabled: null },
      ],
    },
    degraded: [],
  });
});

it('orders sizes by number, and counts past 2^31', () => {
  const { pools } = read(machines.manySizes);
  expect(pools.map(({ pageBytes }) => pageBytes)).toEqual([65536, 2097152, 33554432, 17179869184]);
  expect(pools[3]).toMatchObject({ total: 4294967296, free: 1, nodes: [] });
});

it('takes the default size from /proc when there is no /sys', () => {
  const pages = read(machines.onlyProc);
  expect(pages.pools).toEqual([
    { pageBytes: 2097152, total: 3, free: 2, reserved: 1, surplus: 0, overcommit: null, nodes: [] },
  ]);
  expect(pages.thp).toMatchObject({ available: false, enabled: null, khugepaged: null, sizes: [] });
  expect(pages.degraded.map(({ field }) => field)).toEqual(['pools', 'thp']);
});

it('knows nothing of an empty folder', () => {
  expect(read(numaMachines.empty)).toMatchObject({ defaultPageBytes: null, pools: [] });
});
