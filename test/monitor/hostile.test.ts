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
  type PressureSource,
  PsiSource,
  SystemdSource,
  UtilizationSource,
} from '../../lib/monitor';
import { openSysroot } from '../../lib/platform';
import { codeOf, FakeFileEvents, FakeTime, Store, watched } from './support';

/** A source that counts its starts and stops. */
class CountedSource implements PressureSource {
  readonly name: string;
  open = 0;
  onStart = (): void => {};
  onStop = (): void => {};

  constructor(name: string) {
    this.name = name;
  }

  start(): void {
    this.open += 1;
    this.onStart();
  }

  stop(): void {
    this.open -= 1;
    this.onStop();
  }

  read() {
    return { level: 'none', value: null, detail: '' } as const;
  }
}

function counted(): { sources: CountedSource[]; monitor: MemoryMonitor; time: FakeTime } {
  const time = new FakeTime();
  const sources = [new CountedSource('a'), new CountedSource('b'), new CountedSource('c')];
  return { sources, time, monitor: new MemoryMonitor({ sources, clock: time, timers: time }) };
}

const opened = (sources: readonly CountedSource[]): number[] => sources.map(({ open }) => open);

describe('a listener of failures', () => {
  it('that rejects is counted and ends there', async () => {
    const { monitor, say } = watched();
    let told = 0;
    monitor.on('failure', async () => {
      told += 1;
      if (told > 50) return; // a loop of microtasks would never end
      throw new Error('async listener of failures');
    });
    monitor.on('change', () => {
      throw new Error('first');
    });
    say('high');
    await new Promise((resolve) => setImmediate(resolve));
    expect([told, monitor.stats().failures]).toEqual([1, 2]);
  });
});

describe('sources that call back while they are started or stopped', () => {
  it('start() that stops the monitor leaves none of them open', () => {
    const { sources, monitor, time } = counted();
    (sources[0] as CountedSource).onStart = () => monitor.stop();
    monitor.start();
    expect([opened(sources), monitor.state, time.pending]).toEqual([[0, 0, 0], 'idle', 0]);
  });

  it('start() that removes a later one leaves it closed', () => {
    const { sources, monitor } = counted();
    const late = new CountedSource('late');
    const remove = monitor.addSource(late);
    (sources[0] as CountedSource).onStart = remove;
    monitor.start();
    expect(late.open).toBe(0);
    monitor.stop();
    expect(opened(sources)).toEqual([0, 0, 0]);
  });

  it('start() that stops and starts the monitor opens each once', () => {
    const { sources, monitor, time } = counted();
    (sources[0] as CountedSource).onStart = () => {
      (sources[0] as CountedSource).onStart = () => {};
      monitor.stop();
      monitor.start();
    };
    monitor.start();
    expect([opened(sources), time.pending]).toEqual([[1, 1, 1], 1]);
    monitor.stop();
    expect([opened(sources), time.pending]).toEqual([[0, 0, 0], 0]);
  });

  it('stop() that starts the monitor again leaves all of them open', () => {
    const { sources, monitor, time } = counted();
    monitor.start();
    (sources[0] as CountedSource).onStop = () => {
      (sources[0] as CountedSource).onStop = () => {};
      monitor.start();
    };
    monitor.stop();
    expect([opened(sources), monitor.state, time.pending]).toEqual([[1, 1, 1], 'monitoring', 1]);
  });

  it('a source cannot be there twice', () => {
    const source = new ManualSource();
    const { monitor } = watched({ sources: [source] });
    expect(codeOf(() => monitor.addSource(source))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => new MemoryMonitor({ sources: [source, source] }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });
});

it('what is disposed cannot be started again by a listener on the way', () => {
  const { monitor, say, time, log } = watched();
  say('high');
  monitor.on('change', () => monitor.start());
  monitor[Symbol.dispose]();
  expect([monitor.state, monitor.level, time.pending]).toEqual(['idle', 'none', 0]);
  expect(log).toContain('failure: listener of change');
});

describe('the pace', () => {
  it('of readings is not put off by configure()', () => {
    const { monitor, time } = watched({ intervalMs: 1000 });
    for (let i = 0; i < 20; i += 1) {
      time.advance(500);
      monitor.configure({ stepRatio: 0.1 });
    }
    expect(monitor.stats().ticks).toBe(11);
  });

  it('of a source that told by itself is not put off by configure() either', () => {
    const { monitor, source, time } = watched({ intervalMs: '10s' });
    source.set('critical');
    monitor.configure({ dryRun: false });
    time.advance(50);
    expect(monitor.level).toBe('critical');
  });

  it('of an action outlives stop() and start()', () => {
    const target = new Store(1_000_000);
    const { monitor, say, time } = watched({ actions: [{ name: 'store', kind: 'shrink', target }] });
    say('high');
    for (let i = 0; i < 9; i += 1) {
      time.advance(100);
      monitor.stop();
      monitor.start();
    }
    expect(target.asked).toHaveLength(1);
    time.advance(1000);
    expect(target.asked).toHaveLength(2);
  });

  it.each([[-3_600_000], [Number.NaN]])('goes on when the clock jumps by %p', (jump) => {
    const { monitor, time, source } = watched({ dwellMs: '5s', intervalMs: '1s' });
    const real = time.nowMs.bind(time);
    const target = new Store(1_000_000);
    monitor.addAction({ name: 'store', kind: 'shrink', target });
    source.set('high');
    time.advance(1000);
    time.nowMs = () => real() + jump;
    const { ticks } = monitor.stats();
    source.set('critical');
    time.advance(1000);
    if (Number.isNaN(jump)) {
      expect(monitor.level).toBe('critical'); // no clock at all, and read all the same
      return;
    }
    expect(monitor.stats().ticks).toBeGreaterThan(ticks);
    const asked = target.asked.length;
    time.advance(5000);
    expect(target.asked.length).toBeGreaterThanOrEqual(asked + 4);
    source.set('none');
    time.advance(7000);
    expect(monitor.level).toBe('none');
  });

  it('a source that failed and tells by itself is read at once', () => {
    const { monitor, source, time } = watched({ retryMs: '1h' });
    source.fail('gone');
    time.advance(100);
    expect(monitor.stats().sources[0]?.state).toBe('unavailable');
    source.set('critical');
    time.advance(100);
    expect(monitor.level).toBe('critical');
  });
});

describe('actions that call back', () => {
  it('while they are measured, to stop the monitor, are not done', () => {
    const target = new Store(1000);
    const { monitor, say } = watched();
    monitor.addAction({
      name: 'store',
      kind: 'shrink',
      target: {
        shrink: (bytes) => target.shrink(bytes),
        reclaimableBytes: () => {
          monitor.stop();
          return target.bytes;
        },
      },
    });
    say('high');
    expect([target.asked, monitor.state]).toEqual([[], 'idle']);
  });

  it('while they are measured, to remove themselves, are not done', () => {
    const target = new Store(1000);
    const { monitor, say } = watched();
    const remove = monitor.addAction({
      name: 'store',
      kind: 'shrink',
      target,
      measure: () => {
        remove();
        return 0;
      },
    });
    say('high');
    expect([target.asked, monitor.stats().journaled]).toEqual([[], 0]);
  });

  it('deny before they say so', () => {
    const { monitor, say } = watched({
      dwellMs: 0,
      actions: [{ name: 'deny', kind: 'deny', from: 'high', largestBytes: 1000 }],
    });
    const told: unknown[] = [];
    monitor.on('action', ({ outcome }) => told.push([outcome, monitor.largestAllowedBytes]));
    say('high');
    say('none');
    expect(told).toEqual([
      ['denying', 1000],
      ['allowing', Number.POSITIVE_INFINITY],
    ]);
  });

  it('with a promise that cannot be awaited are reported, and asked again', () => {
    const { monitor, say, time } = watched();
    monitor.addAction({
      name: 'odd',
      kind: 'call',
      run: () =>
        Object.defineProperty(Promise.resolve(1), 'constructor', {
          get: () => {
            throw new Error('odd');
          },
        }),
    });
    say('high');
    time.advance(1000);
    expect(monitor.journal().map(({ outcome }) => outcome)).toEqual(['failed', 'failed']);
  });
});

describe('what was freed', () => {
  it('is not counted twice where an answer comes late and another action was faster', async () => {
    const target = new Store(100_000);
    let finish = (): void => {};
    const { monitor, say } = watched({
      actions: [
        {
          name: 'slow',
          kind: 'reclaim',
          target: {
            reclaimableBytes: () => target.bytes,
            reclaim: (bytes) =>
              new Promise<number>((resolve) => {
                finish = () => resolve(target.reclaim(bytes));
              }),
          },
        },
        { name: 'fast', kind: 'shrink', target },
      ],
    });
    say('high');
    finish();
    await new Promise((resolve) => setImmediate(resolve));
    expect(monitor.stats().freedBytes).toBe(100_000 - target.bytes);
  });

  it('and why keeps no long text', () => {
    const { monitor, say } = watched({
      actions: [
        {
          name: 'loud',
          kind: 'call',
          run: () => {
            throw new Error('x'.repeat(1_000_000));
          },
        },
      ],
    });
    monitor.addSource({
      name: 'talker',
      read: () => ({ level: 'critical', value: 1, detail: 'y'.repeat(1_000_000) }),
    });
    say('high');
    expect(JSON.stringify(monitor.journal()).length).toBeLessThan(10_000);
  });

  it('is never asked for beyond 2^53', () => {
    const asked: number[] = [];
    const { say } = watched({
      stepRatio: 1,
      actions: [
        {
          name: 'huge',
          kind: 'shrink',
          target: { reclaimableBytes: () => 1e300, shrink: (bytes) => asked.push(bytes) },
        },
      ],
    });
    say('high');
    expect(asked).toEqual([Number.MAX_SAFE_INTEGER]);
  });
});

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
    ['HeapSource', (value: () => number) => {
      return new HeapSource({ statistics: () => ({ used_heap_size: value(), heap_size_limit: 100 }) });
    }],
    ['BudgetSource', (value: () => number) => {
      return new BudgetSource({ name: 'x', limitBytes: 100, get usedBytes() { return value(); } });
    }],
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
    const told = execFileSync(process.execPath, ['-e', script], { timeout: 15_000, encoding: 'utf8' });
    expect(told.trim()).toBe('event');
  });
});
