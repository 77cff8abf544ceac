import { type Limits, openSysroot, readLimits } from '../../../lib/platform/machine';
import { MachinePark, type MachineSpec, groupMachines as machines, numaMachines } from '../../sysroots';

const park = new MachinePark();
afterAll(() => park.remove());

const read = (spec: MachineSpec): Limits => readLimits(openSysroot(park.root(spec)));
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const fields = (limits: Limits): string[] => limits.degraded.map(({ field }) => field);

describe('control groups version 1', () => {
  it('finds the limit of a parent, and reads the huge number as none', () => {
    const limits = read(machines.version1);
    const none = {
      swapMaxBytes: null,
      swapCurrentBytes: null,
      events: null,
      highBytes: null,
      binding: false,
      version: 1,
    };
    expect(limits).toMatchObject({
      effectiveBytes: 2 * GIB,
      setBy: '/sys/fs/cgroup/memory/docker/memory.limit_in_bytes',
      detail: 'control group /sys/fs/cgroup/memory/docker',
      throttle: null,
      availableBytes: GIB,
      degraded: [],
    });
    expect(limits.cgroups).toEqual([
      {
        ...none,
        path: '/sys/fs/cgroup/memory/docker/abc',
        maxFile: '/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes',
        maxBytes: null,
        currentBytes: 512 * MIB,
        peakBytes: 600 * MIB,
      },
      {
        path: '/sys/fs/cgroup/memory/docker',
        version: 1,
        maxFile: '/sys/fs/cgroup/memory/docker/memory.limit_in_bytes',
        maxBytes: 2 * GIB,
        binding: true,
        highBytes: null,
        currentBytes: GIB,
        peakBytes: null,
        swapMaxBytes: GIB,
        swapCurrentBytes: 4096,
        events: { low: null, high: null, max: 7, oom: null, oomKill: 2 },
      },
      {
        ...none,
        path: '/sys/fs/cgroup/memory',
        maxFile: '/sys/fs/cgroup/memory/memory.limit_in_bytes',
        maxBytes: null,
        currentBytes: 9000000000,
        peakBytes: null,
      },
    ]);
  });

  it('leaves out a parent that does not count its children', () => {
    const limits = read(machines.version1Flat);
    expect(limits).toMatchObject({ effectiveBytes: 16 * GIB, setBy: 'machine', availableBytes: 12 * GIB });
    expect(limits.cgroups[1]).toMatchObject({ maxBytes: 2 * GIB, binding: false });
    expect(limits.rlimits?.data).toEqual({ soft: 16 * GIB, hard: null });
  });

  it('believes the sum of hidden parents', () => {
    expect(read(machines.hiddenParents)).toMatchObject({
      effectiveBytes: GIB,
      setBy: '/sys/fs/cgroup/memory/memory.stat',
      cgroups: [{ path: '/sys/fs/cgroup/memory', maxBytes: null }],
    });
  });
});

describe('control groups version 2', () => {
  it('finds the tightest of nested groups', () => {
    const limits = read(machines.nested);
    const pod = '/sys/fs/cgroup/kubepods/pod1';
    expect(limits).toMatchObject({
      effectiveBytes: GIB,
      setBy: `${pod}/memory.max`,
      throttle: { bytes: 900 * MIB, setBy: `${pod}/memory.high` },
      availableBytes: 424 * MIB,
      degraded: [],
    });
    expect(limits.cgroups.map(({ path, maxBytes, binding }) => ({ path, maxBytes, binding }))).toEqual([
      // At or above the machine's memory: listed, and no limit of its own.
      { path: `${pod}/app`, maxBytes: 64 * GIB, binding: false },
      { path: pod, maxBytes: GIB, binding: true },
      { path: '/sys/fs/cgroup/kubepods', maxBytes: 8 * GIB, binding: true },
    ]);
    expect(limits.cgroups[1]).toEqual({
      path: pod,
      version: 2,
      maxFile: `${pod}/memory.max`,
      maxBytes: GIB,
      binding: true,
      highBytes: 900 * MIB,
      currentBytes: 600 * MIB,
      peakBytes: 700 * MIB,
      swapMaxBytes: 0,
      swapCurrentBytes: 0,
      events: { low: 0, high: 5, max: 3, oom: 1, oomKill: 1 },
    });
    expect(limits.machine).toEqual({
      totalBytes: 16 * GIB,
      availableBytes: 12 * GIB,
      swapTotalBytes: MIB,
      swapFreeBytes: MIB / 2,
      commitLimitBytes: 2 * MIB,
      committedBytes: 4 * MIB,
      overcommit: 'never',
      overcommitRatio: 0.5,
      maxMapCount: 65530,
    });
  });

  it('finds the own group at the top of a container', () => {
    expect(read(machines.ownTop)).toMatchObject({
      effectiveBytes: 3 * GIB,
      setBy: '/sys/fs/cgroup/memory.max',
      availableBytes: 2 * GIB,
    });
    expect(fields(read(machines.ownTop))).toEqual(['rlimits']);
  });

  it('finds the own group below a mounted parent', () => {
    const limits = read(machines.parentTop);
    expect(limits.setBy).toBe('/mnt/c g/abc/memory.max');
    expect(limits.cgroups.map(({ maxBytes }) => maxBytes)).toEqual([GIB, 2 * GIB]);
  });

  it('falls back to the mounted top for a path outside of the namespace, and says so', () => {
    const limits = read(machines.namespaced);
    expect(limits).toMatchObject({ effectiveBytes: 5 * GIB, setBy: '/sys/fs/cgroup/memory.max', availableBytes: 0 });
    expect(limits.degraded).toContainEqual({
      field: 'cgroups.path',
      reason: 'the own group /../../other is not visible here; limits are read from the mounted top',
      fix: 'Run the container with its own cgroup namespace and cgroup mount.',
    });
  });

  it('tries the usual places without mountinfo', () => {
    expect(read(machines.noMountinfo)).toMatchObject({ effectiveBytes: GIB, setBy: '/sys/fs/cgroup/app/memory.max' });
  });
});

describe('other limits', () => {
  it('lets an address-space limit win over a group that only repeats the machine', () => {
    const limits = read(machines.hybrid);
    expect(limits).toMatchObject({ effectiveBytes: 4 * GIB, setBy: 'rlimit', detail: 'RLIMIT_AS, soft' });
    expect(limits.cgroups).toMatchObject([{ version: 1, maxBytes: 16 * GIB, binding: false }]);
    expect(limits.rlimits).toEqual({
      as: { soft: 4 * GIB, hard: null },
      data: { soft: null, hard: null },
      stack: { soft: 8 * MIB, hard: null },
      memlock: { soft: 8 * MIB, hard: 8 * MIB },
      nofile: { soft: 1024, hard: 524288 },
      nproc: { soft: 62890, hard: 62891 },
    });
  });

  it('names the machine in a container without /sys', () => {
    const limits = read(numaMachines.noSys);
    expect(limits).toMatchObject({ effectiveBytes: 4 * GIB, setBy: 'machine', availableBytes: 2 * GIB, cgroups: [] });
    expect(fields(limits)).toEqual(['rlimits', 'cgroups']);
  });

  it('knows nothing of an empty folder and does not throw', () => {
    const limits = read(numaMachines.empty);
    expect(limits).toMatchObject({ effectiveBytes: null, setBy: null, availableBytes: null, rlimits: null });
    expect(fields(limits)).toEqual(['machine', 'rlimits', 'cgroups']);
  });
});
