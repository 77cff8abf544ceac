import { rmSync } from 'node:fs';
import { CgroupEventsSource, UtilizationSource } from '../../lib/monitor';
import { openSysroot } from '../../lib/platform';
import { buildMachine, groupMachines, type MachineSpec } from '../sysroots';
import { codeOf, FakeFileEvents, rewrite } from './support';

let root = '';
afterEach(() => rmSync(root, { recursive: true, force: true }));

const POD = '/sys/fs/cgroup/kubepods/pod1';
const GIB = 2 ** 30;
const MIB = 2 ** 20;

describe('CgroupEventsSource', () => {
  const events = (counts: Partial<Record<'low' | 'high' | 'max' | 'oom' | 'oom_kill', number>>): string =>
    Object.entries({ low: 0, high: 5, max: 3, oom: 1, oom_kill: 1, ...counts, oom_group_kill: 0 })
      .map(([key, count]) => `${key} ${count}\n`)
      .join('');

  function make(spec: MachineSpec, options = {}): { source: CgroupEventsSource; files: FakeFileEvents } {
    root = buildMachine(spec);
    const files = new FakeFileEvents();
    return { source: new CgroupEventsSource({ sysroot: openSysroot(root), events: files, ...options }), files };
  }

  it('tells what happened since the last reading, in parents too, and nothing of the past', () => {
    const { source } = make(groupMachines.nested);
    expect(source.read(0)).toEqual({ level: 'none', value: 0, detail: 'no events' });
    const steps = [
      [{ low: 1 }, 'low'],
      [{ low: 1, high: 6 }, 'medium'],
      [{ low: 1, high: 6, max: 4 }, 'high'],
      [{ low: 1, high: 6, max: 4, oom: 2 }, 'critical'],
      [{ low: 1, high: 6, max: 4, oom: 2, oom_kill: 2 }, 'critical'],
    ] as const;
    for (const [index, [counts, level]] of steps.entries()) {
      rewrite(root, { [`${POD}/memory.events`]: events(counts) });
      expect(source.read(1000 * (index + 1))).toMatchObject({ level, value: 1 });
      expect(source.read(1000 * (index + 1) + 500).level).toBe('none');
    }
    rewrite(root, { [`${POD}/memory.events`]: events({ low: 1, high: 10, max: 5, oom: 2, oom_kill: 2 }) });
    expect(source.read(9000)).toEqual({
      level: 'high',
      value: 5,
      detail: `4 high (${POD}/memory.events), 1 max (${POD}/memory.events)`,
    });
  });

  it('takes counts that begin at 0 again for another group, not for events', () => {
    const { source } = make(groupMachines.nested);
    source.read(0);
    rewrite(root, { [`${POD}/memory.events`]: events({ high: 0, max: 0, oom: 0, oom_kill: 0 }) });
    expect(source.read(1).level).toBe('none');
    rewrite(root, { [`${POD}/memory.events`]: events({ high: 1, max: 0, oom: 0, oom_kill: 0 }) });
    expect(source.read(2).level).toBe('medium');
  });

  it('watches the file of a group that was made anew under the same name', () => {
    const { source, files } = make(groupMachines.nested);
    const file = `${POD}/memory.events`;
    source.read(0);
    const first = files.watching.get(file);
    source.read(1);
    expect(files.watching.get(file)).toBe(first);
    rewrite(root, { [file]: events({ high: 0, max: 0, oom: 0, oom_kill: 0 }) });
    source.read(2);
    source.read(3);
    const second = files.watching.get(file);
    expect([typeof second, second === first]).toEqual(['function', false]);
  });

  it('takes levels of its own for the events', () => {
    const { source } = make(groupMachines.nested, { levels: { max: 'none', high: 'critical' } });
    source.read(0);
    rewrite(root, { [`${POD}/memory.events`]: events({ max: 9 }) });
    expect(source.read(1)).toMatchObject({ level: 'none', value: 6 });
    rewrite(root, { [`${POD}/memory.events`]: events({ max: 9, high: 9 }) });
    expect(source.read(2).level).toBe('critical');
  });

  it('reads failcnt and oom_control of version 1', () => {
    const { source } = make(groupMachines.version1);
    const docker = '/sys/fs/cgroup/memory/docker';
    expect(source.read(0).level).toBe('none');
    rewrite(root, { [`${docker}/memory.failcnt`]: '8\n' });
    expect(source.read(1)).toEqual({ level: 'medium', value: 1, detail: `1 failcnt (${docker}/memory.failcnt)` });
    rewrite(root, { [`${docker}/memory.oom_control`]: 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n' });
    expect(source.read(2).level).toBe('critical');
  });

  it('is woken by the files that the kernel notifies, and lets go of them', () => {
    const { source, files } = make(groupMachines.nested);
    let woken = 0;
    source.start(() => {
      woken += 1;
    });
    source.read(0);
    expect([...files.watching.keys()]).toEqual([`${POD}/memory.events`]);
    expect(source.mode).toBe('poll');
    files.watching.get(`${POD}/memory.events`)?.();
    expect([woken, source.mode]).toEqual([1, 'event']);
    source.read(1);
    expect(files.watching.size).toBe(1);
    source.stop();
    expect(files.watching.size).toBe(0);
  });

  it('does without where a file cannot be watched', () => {
    const { source, files } = make(groupMachines.nested);
    files.failure = new Error('ENOSPC: too many watches');
    source.read(0);
    rewrite(root, { [`${POD}/memory.events`]: events({ high: 9 }) });
    expect(source.read(1).level).toBe('medium');
  });

  it('says so when its groups vanish, and counts anew when they are there again', () => {
    const { source, files } = make(groupMachines.nested);
    source.read(0);
    rewrite(root, { [`${POD}`]: null });
    expect(() => source.read(1)).toThrow('counts no memory events');
    expect(files.watching.size).toBe(0);
    rewrite(root, { [`${POD}/app/x`]: '', [`${POD}/memory.events`]: events({ high: 500 }) });
    expect(source.read(2).level).toBe('none');
    rewrite(root, { '/sys/fs/cgroup': null, '/proc/self/cgroup': null, '/proc/self/mountinfo': null });
    expect(() => source.read(3)).toThrow();
    expect(() => source.read(4)).toThrow('no control group limits this process');
  });

  it.each([
    [{ levels: { max: 'higher' } }],
    [{ levels: { maximum: 'high' } }],
    [{ levels: [] }],
    [{ name: 7 }],
    [{ sysroot: null }],
  ])('refuses %j', (options) => {
    expect(codeOf(() => new CgroupEventsSource(options as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });
});

describe('UtilizationSource', () => {
  function make(spec: MachineSpec, options = {}): UtilizationSource {
    root = buildMachine(spec);
    return new UtilizationSource({ sysroot: openSysroot(root), ...options });
  }

  it('takes the fullest of all limits: memory.high where it is lower, parents, the machine', () => {
    const source = make(groupMachines.nested);
    // pod1: 600 of high 900 MiB (0.67) against 4 of 8 GiB above it and 4 of 16 GiB of the machine.
    expect(source.read(0)).toMatchObject({ level: 'none', value: 600 / 900 });
    rewrite(root, { '/sys/fs/cgroup/kubepods/memory.current': `${7 * GIB}\n` });
    expect(source.read(1)).toEqual({
      level: 'medium',
      value: 7 / 8,
      detail: `0.88 of ${8 * GIB} bytes (/sys/fs/cgroup/kubepods/memory.max)`,
    });
    rewrite(root, { '/proc/meminfo': 'MemTotal: 16777216 kB\nMemAvailable: 100000 kB\n' });
    expect(source.read(2)).toMatchObject({ level: 'critical', detail: expect.stringContaining('(machine)') });
  });

  it('follows limits that are changed while it runs', () => {
    const source = make(groupMachines.nested);
    source.read(0);
    rewrite(root, { [`${POD}/memory.high`]: 'max\n', [`${POD}/memory.max`]: `${640 * MIB}\n` });
    expect(source.read(1)).toMatchObject({ level: 'high', value: 600 / 640 });
    expect(source.read(1).detail).toContain(`${POD}/memory.max`);
  });

  it('leaves inactive page cache out, and asks for it only where it matters', () => {
    const source = make(groupMachines.nested);
    const stat = (inactive: number): string => `anon 1\nfile 2\ninactive_file ${inactive}\n`;
    rewrite(root, { [`${POD}/memory.current`]: `${880 * MIB}\n`, [`${POD}/memory.stat`]: stat(300 * MIB) });
    // 580 of 900 MiB; the parent's 0.5 is less.
    expect(source.read(0)).toMatchObject({ level: 'none', value: 580 / 900 });
    rewrite(root, { [`${POD}/memory.stat`]: stat(10 * MIB) });
    expect(source.read(1)).toMatchObject({ level: 'critical', value: 870 / 900 });
    rewrite(root, { [`${POD}/memory.current`]: `${500 * MIB}\n`, [`${POD}/memory.stat`]: stat(500 * MIB) });
    expect(source.read(2).value).toBeCloseTo(500 / 900);
  });

  it('reads version 1, with what memory.stat tells of hidden parents', () => {
    const source = make(groupMachines.version1);
    const docker = '/sys/fs/cgroup/memory/docker';
    expect(source.read(0)).toMatchObject({ value: 0.5, detail: expect.stringContaining(docker) });
    rewrite(root, {
      [`${docker}/memory.usage_in_bytes`]: `${1950 * MIB}\n`,
      [`${docker}/memory.stat`]: `total_inactive_file ${GIB}\n`,
    });
    expect(source.read(1).value).toBeCloseTo((1950 - 1024) / 2048);
    rmSync(root, { recursive: true, force: true });
    const hidden = make(groupMachines.hiddenParents);
    rewrite(root, { '/sys/fs/cgroup/memory/memory.usage_in_bytes': `${0.75 * GIB}\n` });
    expect(hidden.read(0)).toMatchObject({ level: 'low', value: 0.75 });
  });

  it('knows the limits of the process', () => {
    const source = make(groupMachines.hybrid);
    rewrite(root, { '/proc/self/status': `VmSize:\t${4000 * 1024} kB\nVmData:\t10 kB\n` });
    expect(source.read(0)).toMatchObject({ level: 'critical', detail: expect.stringContaining('RLIMIT_AS') });
  });

  it('takes a limit of your own', () => {
    let resident = 100;
    const source = make({}, { limitBytes: 1000, residentBytes: () => resident });
    expect(source.read(0)).toEqual({ level: 'none', value: 0.1, detail: '0.10 of 1000 bytes (limitBytes)' });
    resident = 950;
    expect(source.read(1).level).toBe('critical');
  });

  it('says so when nothing can be read, and looks again', () => {
    const source = make({});
    expect(() => source.read(0)).toThrow('no limit on memory can be read here');
    rewrite(root, { '/proc/meminfo': 'MemTotal: 100 kB\nMemAvailable: 25 kB\n' });
    expect(source.read(1)).toMatchObject({ level: 'low', value: 0.75 });
  });

  it('finds the group that the process was moved to when the old one is gone', () => {
    const source = make(groupMachines.nested);
    source.read(0);
    rewrite(root, {
      [POD]: null,
      '/proc/self/cgroup': '0::/other\n',
      '/sys/fs/cgroup/other/memory.max': `${GIB}\n`,
      '/sys/fs/cgroup/other/memory.current': `${1000 * MIB}\n`,
    });
    source.read(1);
    expect(source.read(2)).toMatchObject({ level: 'critical' });
  });

  it.each([
    [{ limitBytes: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ limitBytes: '12 parsecs' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ thresholds: { high: '0.9' } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ residentBytes: 5 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ limit: 5 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('refuses %j', (options, code) => {
    expect(codeOf(() => new UtilizationSource(options as never))).toBe(code);
  });
});
