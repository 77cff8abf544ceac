import { rmSync } from 'node:fs';
import { PsiSource } from '../../lib/monitor';
import { parseTrigger } from '../../lib/monitor/sources/psi-file';
import { StallMeter } from '../../lib/monitor/sources/stall-meter';
import { openSysroot } from '../../lib/platform';
import { buildMachine, groupMachines, MachinePark } from '../sysroots';
import { codeOf, FakeFileEvents, rewrite } from './support';

const park = new MachinePark();
let root = '';
beforeEach(() => {
  root = buildMachine(groupMachines.nested);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));
afterAll(() => park.remove());

const OWN = '/sys/fs/cgroup/kubepods/pod1/app/memory.pressure';
const psi = (some: number, full = 0, avg10 = 0): string =>
  `some avg10=${avg10.toFixed(2)} avg60=0.00 avg300=0.00 total=${some}\n` +
  `full avg10=0.00 avg60=0.00 avg300=0.00 total=${full}\n`;

describe('a stall meter', () => {
  it('tells the share of the last window, and nothing before it has one', () => {
    const meter = new StallMeter(2000);
    expect(meter.add(0, 0)).toBeNull();
    expect(meter.add(50, 50_000)).toBeNull(); // too near to tell
    expect(meter.add(1000, 100_000)).toBeCloseTo(0.1);
    expect(meter.add(2000, 100_000)).toBeCloseTo(0.05);
    expect(meter.add(3000, 100_000)).toBeCloseTo(0);
    expect(meter.add(4000, 2_100_000)).toBe(1);
  });

  it('begins anew when totals or the clock go back', () => {
    const meter = new StallMeter(2000);
    meter.add(0, 1_000_000);
    expect(meter.add(1000, 2_000_000)).toBe(1);
    expect(meter.add(2000, 5)).toBeNull();
    expect(meter.add(1500, 10)).toBeNull();
    expect(meter.add(2500, 100_010)).toBeCloseTo(0.1);
  });
});

describe('PsiSource', () => {
  it('sets its trigger again where the group was made anew under the same name', () => {
    const events = new FakeFileEvents();
    const source = new PsiSource({ sysroot: openSysroot(root), events });
    rewrite(root, { [OWN]: psi(500_000) });
    source.read(0);
    source.read(1000);
    expect(events.made).toBe(1);
    rewrite(root, { [OWN]: psi(7) });
    source.read(2000);
    expect([events.made, events.watching.size, events.triggers.size]).toEqual([2, 1, 1]);
  });

  it('reads the own group, first its average, then the share of its own window', () => {
    const source = new PsiSource({ sysroot: openSysroot(root), events: new FakeFileEvents() });
    expect(source.read(0)).toEqual({ level: 'critical', value: 0.5, detail: `some 0.500 of the time (${OWN})` });
    rewrite(root, { [OWN]: psi(9) });
    expect(source.read(2000)).toMatchObject({ level: 'none', value: 0 });
    rewrite(root, { [OWN]: psi(9 + 150_000) });
    expect(source.read(4000)).toMatchObject({ level: 'medium', value: 0.075 });
    rewrite(root, { [OWN]: psi(9 + 1_150_000) });
    expect(source.read(6000)).toMatchObject({ level: 'critical', value: 0.5 });
    expect(source.mode).toBe('poll');
  });

  it("takes the machine's where the group counts none, and `full` where asked", () => {
    const bare = park.root(groupMachines.ownTop);
    const none = new PsiSource({ sysroot: openSysroot(bare), events: new FakeFileEvents() });
    expect(() => none.read(0)).toThrow('/proc/pressure/memory is not there');
    rewrite(bare, { '/proc/pressure/memory': psi(0, 0) });
    const full = new PsiSource({ sysroot: openSysroot(bare), trigger: { kind: 'full' }, events: new FakeFileEvents() });
    full.read(0);
    rewrite(bare, { '/proc/pressure/memory': psi(2_000_000, 200_000) });
    expect(full.read(2000)).toMatchObject({ level: 'medium', value: 0.1 });
    const own = new PsiSource({ sysroot: openSysroot(bare), scope: 'cgroup', events: new FakeFileEvents() });
    expect(() => own.read(0)).toThrow('the own control group has no memory.pressure');
  });

  it('tells "off" from "not there", as one that can be tried again', () => {
    const off = new PsiSource({ sysroot: openSysroot(park.root(groupMachines.noMountinfo)) });
    expect(() => off.read(0)).toThrow('/proc/pressure/memory tells no pressure');
    expect(codeOf(() => off.read(0))).toBe('ERR_MEMORY_UNSUPPORTED');
  });

  it('finds its group again after it was removed, and the new one when the process was moved', () => {
    const source = new PsiSource({ sysroot: openSysroot(root), scope: 'cgroup', events: new FakeFileEvents() });
    source.read(0);
    rewrite(root, {
      '/sys/fs/cgroup/kubepods/pod1/app': null,
      '/proc/self/cgroup': '0::/kubepods/pod1/app (deleted)\n',
    });
    expect(() => source.read(1000)).toThrow(`${OWN} is not there`);
    expect(() => source.read(1500)).toThrow('the own control group has no memory.pressure');
    rewrite(root, {
      '/proc/self/cgroup': '0::/kubepods/pod2\n',
      '/sys/fs/cgroup/kubepods/pod2/memory.pressure': psi(0, 0, 20),
    });
    expect(source.read(2000)).toMatchObject({ value: 0.2 });
  });

  it('sets a trigger on the file of a group and believes an event only as far as the totals do', () => {
    const events = new FakeFileEvents();
    const source = new PsiSource({ sysroot: openSysroot(root), events, trigger: { stallMs: 100, windowMs: 2000 } });
    let woken = 0;
    source.start(() => {
      woken += 1;
    });
    rewrite(root, { [OWN]: psi(0) });
    source.read(0);
    expect([...events.triggers]).toEqual([[OWN, 'some 100000 2000000\0']]);
    const fire = (): void => events.watching.get(OWN)?.();
    fire();
    expect([woken, source.mode]).toEqual([1, 'poll']);
    expect(source.read(500)).toMatchObject({ level: 'none' });
    // Somebody else wrote a trigger: no pressure, and no proof that this kernel tells. Ours stays, so that two processes
    // do not wake each other for ever, and is made anew a minute later: it may have been used up.
    expect([source.mode, events.made, events.triggers.size]).toEqual(['poll', 1, 1]);
    source.read(60_499);
    expect(events.made).toBe(1);
    source.read(60_500);
    expect([events.made, events.triggers.size]).toEqual([2, 1]);
    source.read(600_000);
    expect(events.made).toBe(2);
    // A long time since the last reading thins the share out; the kernel and the total say that it was a short one.
    rewrite(root, { [OWN]: psi(100_000) });
    fire();
    expect(source.read(700_000)).toMatchObject({ level: 'medium', value: 0.05 });
    expect([woken, source.mode]).toEqual([2, 'event']);
    // Used up: a new one when its window is over.
    expect([events.triggers.size, events.watching.size]).toEqual([0, 0]);
    source.read(701_999);
    expect(events.triggers.size).toBe(0);
    source.read(702_000);
    expect([events.triggers.size, events.made]).toEqual([1, 3]);
    source.stop();
    expect([events.triggers.size, events.watching.size]).toEqual([0, 0]);
  });

  it('polls where no trigger can be had, and asks for one on no file of procfs', () => {
    const events = new FakeFileEvents();
    events.failure = new Error('EINVAL');
    const source = new PsiSource({ sysroot: openSysroot(root), events });
    expect(source.read(0)).toMatchObject({ level: 'critical' });
    const system = new FakeFileEvents();
    new PsiSource({ sysroot: openSysroot(root), scope: 'system', events: system }).read(0);
    expect(system.made).toBe(0);
  });

  it('puts medium where the trigger fires, whatever the trigger', () => {
    for (const [stallMs, windowMs] of [
      [1, 10_000],
      [150, 2000],
      [2000, 2000],
    ] as const) {
      const sysroot = openSysroot(root);
      const source = new PsiSource({ sysroot, trigger: { stallMs, windowMs }, events: new FakeFileEvents() });
      rewrite(root, { [OWN]: psi(0) });
      source.read(0);
      rewrite(root, { [OWN]: psi(stallMs * 1000) });
      expect(source.read(windowMs).level).toBe(stallMs === windowMs ? 'critical' : 'medium');
    }
  });

  it.each([
    ['an unknown option', { scop: 'system' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['an unknown scope', { scope: 'machine' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['a window of text', { trigger: { windowMs: '2000' } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['a short window', { trigger: { windowMs: 499 } }, 'ERR_MEMORY_OUT_OF_RANGE'],
    ['a long window', { trigger: { windowMs: 10_001 } }, 'ERR_MEMORY_OUT_OF_RANGE'],
    ['more stall than window', { trigger: { stallMs: 2001, windowMs: 2000 } }, 'ERR_MEMORY_OUT_OF_RANGE'],
    ['another kind', { trigger: { kind: 'most' } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['no sysroot', { sysroot: 5 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['an empty name', { name: '' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('refuses %s', (_, options, code) => {
    expect(codeOf(() => new PsiSource(options as never))).toBe(code);
  });
});

it('a trigger is read as the kernel reads it', () => {
  expect(parseTrigger('some 200000 2000000\0')).toEqual({ kind: 'some', stallMs: 200, windowMs: 2000 });
  expect(parseTrigger('full 1000 500000\n')).toEqual({ kind: 'full', stallMs: 1, windowMs: 500 });
  for (const text of ['', 'x', 'some 0 1000000', 'some 5 1', 'some 1 99999999999', 'most 1 2000000']) {
    expect(parseTrigger(text)).toBeNull();
  }
});
