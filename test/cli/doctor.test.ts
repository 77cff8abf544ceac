import { stripVTControlCharacters } from 'node:util';
import { CHECKS, diagnose, failsOn } from '../../lib/cli/doctor/checks';
import { type Facts, gatherFacts } from '../../lib/cli/doctor/facts';
import { renderDoctor } from '../../lib/cli/doctor/render';
import { size } from '../../lib/cli/render/view';
import { CAPABILITIES, capability, viewOf } from './support/data';
import { expectGolden } from './support/golden';
import { BARE, type Files, inMemory, MANY_NODES, TWO_NODES } from './support/machines';

const GIB = 2 ** 30;
const HERE = {
  heapLimitBytes: 2 * GIB,
  capabilities: CAPABILITIES,
  nativeFailure: null,
  shm: { totalBytes: 8 * GIB, freeBytes: 8 * GIB },
} satisfies Facts['here'];

function facts(files: Files, here: Partial<NonNullable<Facts['here']>> | null = {}): Facts {
  const gathered = gatherFacts(inMemory(files));
  return { ...gathered, here: here === null ? null : { ...HERE, ...here } };
}

function find(id: string, given: Facts) {
  const found = diagnose(given, (bytes) => size(viewOf(80), bytes)).findings.find((one) => one.id === id);
  return found === undefined ? 'skipped' : { status: found.status, evidence: found.evidence, fix: found.fix };
}

function change(files: Record<string, string>): Files {
  return { ...TWO_NODES, ...files };
}

const APP = '/sys/fs/cgroup/kubepods.slice/app';

describe('checks', () => {
  test.each([
    [1, 'ok'],
    [3.5, 'warn'],
    [4, 'fail'],
  ])('heap-limit: %d GiB of 4 GiB is %s', (gib, status) => {
    const found = find('heap-limit', facts(TWO_NODES, { heapLimitBytes: gib * GIB }));
    expect(found).toMatchObject({ status });
    if (status !== 'ok') expect(found).toMatchObject({ fix: 'export NODE_OPTIONS=--max-old-space-size=2867' });
  });

  test.each([
    ['2147483648', 'ok'],
    ['3800000000', 'warn'],
    ['4290000000', 'fail'],
  ])('headroom: %s of 4 GiB used is %s', (current, status) => {
    expect(find('headroom', facts(change({ [`${APP}/memory.current`]: current })))).toMatchObject({ status });
  });

  test('cgroup-version: on a machine of both versions it agrees with the pressure that is read', () => {
    const hybrid = change({
      '/proc/self/cgroup': '5:memory:/app\n0::/app\n',
      '/proc/self/mountinfo': [
        '31 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
        '32 23 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n',
      ].join('\n'),
      '/sys/fs/cgroup/memory/app/memory.limit_in_bytes': '4294967296\n',
      '/sys/fs/cgroup/memory/app/memory.usage_in_bytes': '1000000\n',
    });
    expect(find('cgroup-version', facts(hybrid))).toMatchObject({
      status: 'info',
      evidence: expect.stringContaining('no pressure by group'),
    });
    const file = '/sys/fs/cgroup/unified/app/memory.pressure';
    const both = facts({ ...hybrid, [file]: 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n' });
    expect(both.pressure.cgroupFile).toBe(file);
    expect(find('cgroup-version', both)).toMatchObject({
      status: 'info',
      evidence: 'memory is limited by version 1: no memory.high, pressure by group comes from version 2',
    });
  });

  test.each([
    ['some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0', 'ok'],
    ['some avg10=12.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0', 'warn'],
    ['some avg10=12.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=10.00 avg60=0.00 avg300=0.00 total=0', 'fail'],
  ])('pressure: %j is %s', (text, status) => {
    expect(find('pressure', facts(change({ [`${APP}/memory.pressure`]: text })))).toMatchObject({ status });
  });

  test.each([
    ['overcommit', '/proc/sys/vm/overcommit_memory', '2', 'warn', 'sudo sysctl -w vm.overcommit_memory=0'],
    ['max-map-count', '/proc/sys/vm/max_map_count', '1000', 'warn', 'sudo sysctl -w vm.max_map_count=262144'],
    ['thp', '/sys/kernel/mm/transparent_hugepage/enabled', 'always madvise [never]', 'warn', 'echo madvise | sudo tee'],
    ['thp', '/sys/kernel/mm/transparent_hugepage/enabled', '[always] madvise never', 'info', 'echo madvise | sudo tee'],
    ['huge-pages', '/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages', '4', 'warn', 'echo 128 | sudo tee'],
    ['huge-pages', '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages', '0', 'info', 'echo 64 | sudo tee'],
    ['swap', '/proc/meminfo', 'MemTotal: 9 kB\nSwapTotal: 100 kB\nSwapFree: 10 kB', 'warn', 'ps '],
  ])('%s: %s with %j is %s', (id, path, text, status, fix) => {
    expect(find(id, facts(change({ [path]: text })))).toMatchObject({ status, fix: expect.stringContaining(fix) });
  });

  test('a kill in a control group is told with its number', () => {
    expect(find('oom-events', facts(TWO_NODES))).toMatchObject({
      status: 'warn',
      evidence: `1 in ${APP} since it was made`,
    });
    const none = change({ [`${APP}/memory.events`]: 'oom 0\noom_kill 0\n' });
    expect(find('oom-events', facts(none))).toMatchObject({ status: 'ok' });
  });

  test('a small memlock limit is moot where locking works', () => {
    expect(find('memlock', facts(TWO_NODES))).toMatchObject({ status: 'info' });
    const lock = capability('lock', { available: false });
    expect(find('memlock', facts(TWO_NODES, { capabilities: { ...CAPABILITIES, lock } }))).toMatchObject({
      status: 'warn',
    });
  });

  test('placement that seccomp blocks is told with what allows it', () => {
    const numaPolicy = capability('numaPolicy', { available: false, errno: 1 });
    const found = find('numa', facts(TWO_NODES, { capabilities: { ...CAPABILITIES, numaPolicy } }));
    expect(found).toMatchObject({ status: 'warn', fix: expect.stringContaining('SYS_NICE') });
  });

  test('a native part that does not load is a failure with its fix', () => {
    const nativeFailure = { reason: 'no file', fix: 'compile it', unsupported: true };
    const given = facts(TWO_NODES, { capabilities: null, nativeFailure });
    expect(find('native', given)).toEqual({ status: 'fail', evidence: 'no file', fix: 'compile it' });
    expect(find('numa', given)).toBe('skipped');
  });

  test.each([
    [null, 'warn'],
    [{ totalBytes: 2 ** 26, freeBytes: 2 ** 26 }, 'warn'],
    [{ totalBytes: 2 ** 30, freeBytes: 0 }, 'fail'],
    [{ totalBytes: 2 ** 30, freeBytes: 2 ** 29 }, 'ok'],
  ])('shm: %j is %s', (shm, status) => {
    expect(find('shm', facts(TWO_NODES, { shm }))).toMatchObject({ status });
  });

  test('a kernel without pressure accounting is a warning', () => {
    const { '/proc/pressure/memory': _, ...rest } = TWO_NODES;
    expect(find('psi', facts(rest))).toMatchObject({ status: 'warn', fix: expect.stringContaining('psi=1') });
  });

  test('a copied machine skips what needs a process, and nothing throws', () => {
    for (const files of [TWO_NODES, MANY_NODES, BARE, {}]) {
      const { findings, skipped } = diagnose(facts(files, null), (bytes) => size(viewOf(80), bytes));
      expect(findings.length + skipped.length).toBe(CHECKS.length);
      expect(skipped).toEqual(expect.arrayContaining(['heap-limit', 'native', 'shm']));
    }
  });

  test('every warning and failure has a fix, and each id is described once', () => {
    expect(new Set(CHECKS.map(({ id }) => id)).size).toBe(CHECKS.length);
    for (const one of diagnose(facts(TWO_NODES), String).findings) {
      if (one.status === 'warn' || one.status === 'fail') expect(one.fix).toBeTruthy();
    }
  });
});

test('the level decides what fails', () => {
  const warned = diagnose(facts(TWO_NODES), String);
  expect([failsOn(warned, 'warn'), failsOn(warned, 'error')]).toEqual([true, false]);
  const failed = diagnose(facts(TWO_NODES, { heapLimitBytes: 9 * GIB }), String);
  expect(failsOn(failed, 'error')).toBe(true);
});

describe('the screen', () => {
  const given = facts(TWO_NODES);
  const draw = (width: number, over = {}) => {
    const view = viewOf(width, over);
    return renderDoctor(
      given.host,
      diagnose(given, (bytes) => size(view, bytes)),
      view,
    );
  };

  test.each([80, 40])('looks as agreed at %i columns', (width) => {
    expectGolden(`doctor-${width}`, draw(width));
  });

  test('says its words without color, and the same with it', () => {
    const plain = draw(80);
    expect(plain).toMatch(/^WARN {2}/m);
    expect(plain).not.toContain('\u001b');
    expect(stripVTControlCharacters(draw(80, { color: true }))).toBe(plain);
  });

  test('shows only what is wrong under --quiet', () => {
    expect(draw(80, { quiet: true })).not.toMatch(/^(OK|INFO)/m);
  });

  test('no line is longer than the width', () => {
    for (let width = 20; width < 130; width += 7) {
      for (const line of draw(width).split('\n')) expect(line.length).toBeLessThanOrEqual(width);
    }
  });
});
