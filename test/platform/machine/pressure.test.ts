import { openSysroot, parsePressure, readPressure } from '../../../lib/platform/machine';
import { groupMachines, MachinePark, numaMachines } from '../../sysroots';

const park = new MachinePark();
afterAll(() => park.remove());

it('reads the machine and the own group', () => {
  const zero = { avg60Ratio: 0, avg300Ratio: 0 };
  expect(readPressure(openSysroot(park.root(groupMachines.nested)))).toEqual({
    system: {
      some: { avg10Ratio: 0.125, avg60Ratio: 0.03, avg300Ratio: 0.001, totalUs: 123456 },
      full: { avg10Ratio: 0.01, ...zero, totalUs: 42 },
    },
    cgroup: {
      some: { avg10Ratio: 0.5, ...zero, totalUs: 9 },
      full: { avg10Ratio: 0, ...zero, totalUs: 0 },
    },
    cgroupFile: '/sys/fs/cgroup/kubepods/pod1/app/memory.pressure',
    degraded: [],
  });
});

it('tells "off" from "not there"', () => {
  const off = readPressure(openSysroot(park.root(groupMachines.noMountinfo)));
  expect(off).toMatchObject({ system: null, cgroup: null, cgroupFile: null });
  expect(off.degraded.map(({ reason }) => reason)).toEqual([
    'pressure accounting is off',
    'the own control group has no memory.pressure',
  ]);
  const missing = readPressure(openSysroot(park.root(numaMachines.empty)));
  expect(missing.degraded[0]?.reason).toBe('the kernel has no pressure accounting');
});

it('reads the format of the first kernels', () => {
  expect(parsePressure('aggr 316016073\nsome 0.00 3.00 5.00\nfull 1.00 2.00 100.00\n')).toEqual({
    some: { avg10Ratio: 0, avg60Ratio: 0.03, avg300Ratio: 0.05, totalUs: null },
    full: { avg10Ratio: 0.01, avg60Ratio: 0.02, avg300Ratio: 1, totalUs: null },
  });
});

it('reads a line alone, and nothing of other text', () => {
  expect(parsePressure('some avg10=1.00 avg60=1.00 avg300=1.00 total=5')).toMatchObject({ full: null });
  for (const text of [
    null,
    '',
    'some',
    'some avg10=x avg60=1 avg300=1 total=1',
    'full avg10=1.00 avg60=1.00 avg300=1.00 total=5',
  ]) {
    expect(parsePressure(text)).toBeNull();
  }
});
