import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryBudget } from '../../lib/budgets';
import {
  BudgetSource,
  CgroupEventsSource,
  HeapSource,
  ManualSource,
  MemoryMonitor,
  PressureGauge,
  PsiSource,
  SystemdSource,
  UtilizationSource,
} from '../../lib/monitor';
import { openSysroot } from '../../lib/platform';
import { codeOf, FakeFileEvents, Store, watched } from './support';

const THROWS = new Proxy(
  {},
  {
    get() {
      throw new TypeError('trap');
    },
    ownKeys() {
      throw new TypeError('trap');
    },
  },
);
const REVOKED = (() => {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  return proxy;
})();
const GETTER = {
  get name(): string {
    throw new TypeError('getter');
  },
  get kind(): string {
    throw new TypeError('getter');
  },
  read: () => null,
};
const ODD: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['a bigint', 5n],
  ['a symbol', Symbol('x')],
  ['a numeric string', '5'],
  ['NaN', Number.NaN],
  ['a negative number', -1],
  ['an endless number', Number.POSITIVE_INFINITY],
  ['an object', {}],
  ['an object without prototype', Object.freeze(Object.create(null))],
  ['an array', [1, 2, 3]],
  ['a function', () => 5],
  ['a proxy that throws', THROWS],
  ['a revoked proxy', REVOKED],
  ['a getter that throws', GETTER],
];

describe.each(ODD)('%s as an argument', (_, odd) => {
  const value = odd as never;
  const calls: readonly (readonly [string, () => unknown])[] = [
    ...['sources', 'budgets', 'actions', 'journalEntries', 'clock', 'timers', 'intervalMs', 'dwellMs', 'stepRatio'].map(
      (key) => [`new MemoryMonitor({ ${key} })`, () => new MemoryMonitor({ sources: [], [key]: value })] as const,
    ),
    ['a source', () => new MemoryMonitor({ sources: [value] })],
    ['a budget', () => new MemoryMonitor({ sources: [], budgets: [value] })],
    ['an action', () => new MemoryMonitor({ sources: [], actions: [value] })],
    ...['name', 'kind', 'target', 'from', 'intervalMs', 'stepRatio', 'measure', 'keepBytes'].map(
      (key) =>
        [
          `an action's ${key}`,
          () =>
            new MemoryMonitor({
              sources: [],
              actions: [{ name: 'x', kind: 'trim', target: new Store(1), [key]: value }],
            }),
        ] as const,
    ),
    ['largestBytes', () => new MemoryMonitor({ actions: [{ name: 'x', kind: 'deny', largestBytes: value }] })],
    ['run', () => new MemoryMonitor({ actions: [{ name: 'x', kind: 'call', run: value }] })],
    ['allows', () => new MemoryMonitor({ sources: [] }).allows(value)],
    ['configure', () => new MemoryMonitor({ sources: [] }).configure(value)],
    ['a gauge', () => new PressureGauge('x', value)],
    ['a threshold', () => new PressureGauge('x', { low: value })],
    ['a reading of a gauge', () => new PressureGauge('x').update(value)],
    ['ManualSource', () => new ManualSource(value)],
    ['set', () => new ManualSource().set(value)],
    ['fail', () => new ManualSource().fail(value)],
    ...[PsiSource, CgroupEventsSource, UtilizationSource, HeapSource, SystemdSource].map(
      (Source) => [Source.name, () => new Source(value)] as const,
    ),
    ...['sysroot', 'events', 'trigger', 'thresholds', 'scope', 'name'].map(
      (key) => [`PsiSource ${key}`, () => new PsiSource({ [key]: value })] as const,
    ),
    ['levels', () => new CgroupEventsSource({ levels: value })],
    ['env', () => new SystemdSource({ env: value })],
    ['BudgetSource', () => new BudgetSource(value)],
    ['BudgetSource options', () => new BudgetSource({ name: 'x', usedBytes: 1, limitBytes: 2 }, value)],
    ['BudgetSource of', () => new BudgetSource({ name: value, usedBytes: 1, limitBytes: 2 })],
  ];

  test.each(calls)('%s is taken or refused with an error of ours', (_name, call) => {
    try {
      call();
    } catch (error) {
      expect((error as { code?: unknown }).code).toMatch(/^ERR_MEMORY_/);
    }
  });
});

it.each([[Number.NaN], ['0.9'], [undefined], [5n]])('a gauge takes no %p for calm', (value) => {
  const gauge = new PressureGauge('test');
  gauge.update(0.99);
  expect(codeOf(() => gauge.update(value as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(gauge.level).toBe('critical');
});

it.each([['100'], [Number.NaN], [-1], [1.5], [5n], [Symbol('x')], [undefined], [null], [{}]])(
  'allows(%p) is an error and no answer',
  (size) => {
    const { monitor } = watched();
    expect(codeOf(() => monitor.allows(size as never))).toMatch(/INVALID_ARGUMENT|OUT_OF_RANGE/);
    expect(monitor.allows(0)).toBe(true);
  },
);

it('a target whose stats() tells nothing is refused as one that cannot say', () => {
  const target = { trim: () => 0, stats: () => undefined };
  expect(
    codeOf(() => new MemoryMonitor({ sources: [], actions: [{ name: 'x', kind: 'trim', target: target as never }] })),
  ).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});

it('a budget far down a tree can be watched, whatever its name', () => {
  let budget = new MemoryBudget('b'.repeat(200), { limitBytes: 1000 });
  for (let depth = 0; depth < 5; depth += 1) budget = budget.child('c'.repeat(200));
  const source = new BudgetSource(budget);
  expect([source.read().level, source.name.length <= 220]).toEqual(['none', true]);
});

describe('a source that is stopped', () => {
  it.each([
    [
      'HeapSource',
      (value: () => number) => {
        return new HeapSource({ statistics: () => ({ used_heap_size: value(), heap_size_limit: 100 }) });
      },
    ],
    [
      'BudgetSource',
      (value: () => number) => {
        return new BudgetSource({
          name: 'x',
          limitBytes: 100,
          get usedBytes() {
            return value();
          },
        });
      },
    ],
    ['UtilizationSource', (value: () => number) => new UtilizationSource({ limitBytes: 100, residentBytes: value })],
  ] as const)('%s begins anew', (_, make) => {
    let used = 96;
    const source = make(() => used);
    const monitor = new MemoryMonitor({ sources: [source], dwellMs: 0 }).start();
    expect(monitor.level).toBe('critical');
    used = 93; // left at 92, entered at 95
    expect(monitor.poll()).toBe('critical');
    monitor.stop();
    monitor.start();
    expect(monitor.level).toBe('high');
    monitor.stop();
  });
});

it.each([[Number.NaN], [-1], ['50'], [undefined], [5n]])('a resident size of %p is none that can be read', (size) => {
  const source = new UtilizationSource({ limitBytes: 100, residentBytes: () => size as number });
  const monitor = new MemoryMonitor({ sources: [source] }).start();
  expect(monitor.stats().sources[0]?.state).toBe('unavailable');
  monitor.stop();
});

describe('a file of the service manager', () => {
  const root = mkdtempSync(join(tmpdir(), 'nebula-hostile-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const PSI = 'some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n';

  it.each([
    ['a folder', (path: string) => execFileSync('mkdir', [path])],
    ['nothing', () => {}],
    ['a huge file', (path: string) => writeFileSync(path, PSI.padEnd(2 ** 20, ' '))],
    ['bytes', (path: string) => writeFileSync(path, Buffer.from([0xff, 0, 1, 2, 0xc3]))],
  ] as const)('that is replaced by %s is unavailable, and the monitor lives', (_, replace) => {
    const path = join(root, 'pressure');
    rmSync(path, { recursive: true, force: true });
    writeFileSync(path, PSI);
    const env = { MEMORY_PRESSURE_WATCH: path };
    const source = new SystemdSource({ env, sysroot: openSysroot(), events: new FakeFileEvents() });
    const { monitor, time } = watched({ sources: [source] });
    expect(monitor.stats().sources[0]?.state).toBe('available');
    rmSync(path);
    replace(path);
    time.advance(1000);
    expect(monitor.stats().sources[0]?.state).toBe('unavailable');
    monitor.stop();
  });

  (process.platform === 'win32' ? it.skip : it)('that is replaced by a FIFO is followed, and never waited for', () => {
    const script = `
      const { execFileSync } = require('node:child_process');
      const { rmSync, writeFileSync } = require('node:fs');
      const { MemoryMonitor, SystemdSource } = require(${JSON.stringify(join(__dirname, '../../dist/index.js'))});
      const path = ${JSON.stringify(join(root, 'fifo'))};
      writeFileSync(path, ${JSON.stringify(PSI)});
      const source = new SystemdSource({ env: { MEMORY_PRESSURE_WATCH: path } });
      const monitor = new MemoryMonitor({ sources: [source] }).start();
      rmSync(path);
      execFileSync('mkfifo', [path]);
      monitor.poll();
      console.log(monitor.stats().sources[0].mode);
      monitor.stop();`;
    const told = execFileSync(process.execPath, ['-e', script], { timeout: 170_000, encoding: 'utf8' });
    expect(told.trim()).toBe('event');
  });
});
