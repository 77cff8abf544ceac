import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryBudget } from '../../lib/budgets';
import {
  BudgetSource,
  defaultSources,
  HeapSource,
  ManualSource,
  MemoryMonitor,
  type PressureSource,
} from '../../lib/monitor';
import { fileEventsFor, systemFileEvents } from '../../lib/monitor/sources/file-events';
import { openSysroot } from '../../lib/platform';
import { codeOf, FakeTime, watched } from './support';

describe('HeapSource', () => {
  it('compares what V8 uses with its limit', () => {
    let used = 50;
    const source = new HeapSource({ statistics: () => ({ used_heap_size: used, heap_size_limit: 100 }) });
    expect(source.read()).toEqual({ level: 'none', value: 0.5, detail: "0.50 of 100 bytes of V8's heap" });
    used = 91;
    expect(source.read().level).toBe('high');
    used = 86;
    expect(source.read().level).toBe('high');
    expect(new HeapSource().read().value).toBeGreaterThan(0);
    const broken = new HeapSource({ statistics: () => ({ used_heap_size: 1, heap_size_limit: 0 }) });
    expect(() => broken.read()).toThrow('make no sense');
  });
});

describe('BudgetSource', () => {
  it("follows a budget's use", () => {
    const budget = new MemoryBudget('images', { limitBytes: 1000, quantumBytes: 1 });
    const source = new BudgetSource(budget);
    expect(source.name).toBe('budget images');
    expect(source.read().level).toBe('none');
    budget.reserve(960);
    expect(source.read()).toEqual({ level: 'critical', value: 0.96, detail: '0.96 of 1000 bytes' });
    budget.release(960);
    expect(source.read().level).toBe('none');
  });

  it('refuses what has no use or limit, and cannot tell from nonsense', () => {
    for (const bad of [null, undefined, 5, {}, { usedBytes: '1', limitBytes: 2 }]) {
      expect(codeOf(() => new BudgetSource(bad as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
    const budget = { name: 'b', usedBytes: 1, limitBytes: 1 };
    const source = new BudgetSource(budget, { name: 'mine', thresholds: { low: null } });
    budget.limitBytes = 0;
    expect(() => source.read()).toThrow('it tells 1 of 0 bytes');
  });

  it('is made for each budget of the options', () => {
    const budget = { name: 'uploads', usedBytes: 92, limitBytes: 100 };
    const { monitor } = watched({ budgets: [budget] });
    expect(monitor.level).toBe('high');
    expect(monitor.stats().sources.map(({ name }) => name)).toEqual(['manual', 'budget uploads']);
  });
});

describe('the default sources', () => {
  const { env } = process;
  afterEach(() => {
    process.env = env;
  });

  it.each([
    [undefined, ['psi', 'cgroup events', 'utilization', 'heap']],
    ['/run/x', ['systemd', 'cgroup events', 'utilization', 'heap']],
    ['/dev/null', ['cgroup events', 'utilization', 'heap']],
  ])('with MEMORY_PRESSURE_WATCH=%s', (watch, names) => {
    process.env = { ...env };
    delete process.env['MEMORY_PRESSURE_WATCH'];
    if (watch !== undefined) process.env['MEMORY_PRESSURE_WATCH'] = watch;
    expect(defaultSources().map(({ name }) => name)).toEqual(names);
  });

  it('read this machine without throwing', () => {
    const time = new FakeTime();
    const monitor = new MemoryMonitor({ clock: time, timers: time });
    monitor.start();
    for (const { state, reason } of monitor.stats().sources) {
      expect(state === 'available' ? reason : typeof reason).toBe(state === 'available' ? null : 'string');
    }
    time.advance(3000);
    expect(monitor.stats()).toMatchObject({ ticks: expect.any(Number), failures: 0 });
    monitor.stop();
  });
});

describe('a source that fails', () => {
  function broken(): { source: PressureSource; give(answer: () => unknown): void; calls: () => number } {
    let answer: () => unknown = () => ({ level: 'high' });
    let count = 0;
    return {
      source: {
        name: 'own',
        read: () => {
          count += 1;
          return answer() as never;
        },
      },
      give: (next) => {
        answer = next;
      },
      calls: () => count,
    };
  }

  it('counts as none, is told once with its reason, and is tried again later', () => {
    const { source, give, calls } = broken();
    const { monitor, time, log } = watched({ sources: [source], retryMs: '10s', dwellMs: 0 });
    expect(monitor.level).toBe('high');
    give(() => {
      throw new Error('the group was removed');
    });
    time.advance(1000);
    expect(monitor.level).toBe('none');
    expect(monitor.stats().sources).toEqual([
      {
        name: 'own',
        mode: 'poll',
        state: 'unavailable',
        level: 'none',
        value: null,
        detail: '',
        reason: 'the group was removed',
        hint: null,
        sinceMs: 1000,
        failures: 1,
      },
    ]);
    time.advance(9999);
    expect(calls()).toBe(2);
    time.advance(1001);
    expect(calls()).toBe(3);
    give(() => ({ level: 'low', value: 0.5, detail: 'again' }));
    time.advance(10_000);
    expect(monitor.level).toBe('low');
    expect(monitor.stats().sources[0]).toMatchObject({
      state: 'available',
      detail: 'again',
      reason: null,
      failures: 2,
    });
    expect(log.filter((line) => line.startsWith('source'))).toEqual([
      'source: own unavailable',
      'source: own available',
    ]);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['nothing', () => undefined, /answered with undefined/],
    ['another word', () => ({ level: 'severe' }), /no level/],
    ['a promise', async () => ({ level: 'high' }), /no level/],
    [
      'a throw of no error',
      () => {
        throw null;
      },
      /null/,
    ],
    [
      'an error that cannot be read',
      () => {
        throw new Proxy(new Error('x'), {
          get: () => {
            throw new Error('trap');
          },
        });
      },
      /./,
    ],
  ])('by answering with %s does no harm', (_, answer, reason) => {
    const { source, give } = broken();
    give(answer);
    const { monitor, time } = watched({ sources: [source, new ManualSource()] });
    time.advance(5000);
    expect(monitor.stats().sources[0]).toMatchObject({ state: 'unavailable', reason: expect.stringMatching(reason) });
    expect(monitor.state).toBe('monitoring');
  });

  it('in start or stop is reported, and the others go on', () => {
    const bad: PressureSource = {
      name: 'bad',
      start: () => {
        throw new Error('start');
      },
      stop: () => {
        throw new Error('stop');
      },
      read: () => ({ level: 'low', value: null, detail: '' }),
    };
    const { monitor, log } = watched({ sources: [bad, new ManualSource()] });
    monitor.stop();
    expect(log.filter((line) => line.startsWith('failure'))).toEqual([
      "failure: source 'bad'",
      "failure: source 'bad'",
    ]);
  });

  it('can be taken away, and another put in its place, while the monitor runs', () => {
    const { monitor, source, say, log } = watched({ dwellMs: 0 });
    const other = new ManualSource('other');
    const remove = monitor.addSource(other);
    other.set('high');
    say('low');
    expect(monitor.level).toBe('high');
    remove();
    other.set('critical');
    source.set('low');
    expect(monitor.poll()).toBe('low');
    source.fail('gone');
    expect(monitor.poll()).toBe('none');
    expect(log).toContain('source: manual unavailable');
  });

  it.each([[null], [5], [{}], [{ name: 'x' }], [{ read: () => {} }], [{ name: 'x', read: () => {}, start: 5 }]])(
    'is refused where it is none: %j',
    (bad) => {
      const { monitor } = watched();
      expect(codeOf(() => monitor.addSource(bad as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    },
  );
});

it('a ManualSource takes levels only', () => {
  const source = new ManualSource();
  expect(codeOf(() => source.set('severe' as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(codeOf(() => source.fail(''))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(codeOf(() => new ManualSource(''))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(source.level).toBe('none');
});

describe('file events', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nebula-events-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('of this machine arrive, and a trigger is written as it is', async () => {
    const path = join(folder, 'file');
    writeFileSync(path, '');
    let stop = (): void => {};
    const told = new Promise<void>((resolve) => {
      stop = systemFileEvents.watch(path, resolve);
    });
    const drop = systemFileEvents.trigger(path, 'some 1 2\0');
    await told;
    expect(readFileSync(path, 'latin1')).toBe('some 1 2\0');
    stop();
    drop();
    expect(() => systemFileEvents.trigger(join(folder, 'nowhere'), 'x')).toThrow('ENOENT');
  });

  it('of a copied machine there are none: it is not written to', () => {
    const copy = fileEventsFor('x', openSysroot(folder), undefined);
    expect(codeOf(() => copy.trigger('/file', 'x'))).toBe('ERR_MEMORY_UNSUPPORTED');
    expect(codeOf(() => copy.watch('/file', () => {}))).toBe('ERR_MEMORY_UNSUPPORTED');
    expect(fileEventsFor('x', openSysroot(), undefined)).toBe(systemFileEvents);
  });
});
