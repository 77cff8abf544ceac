import fc from 'fast-check';
import { PRESSURE_LEVELS } from '../../lib/core';
import { ManualSource, MemoryMonitor, type MonitorOptions, type PressureChange } from '../../lib/monitor';
import { rankOf } from '../../lib/monitor/scale';
import { codeOf, FakeTime, watched } from './support';

describe('a MemoryMonitor', () => {
  it('goes idle, monitoring, pressure, action, and back', () => {
    const { monitor, say, time, log } = watched({
      dwellMs: 1000,
      actions: [{ name: 'shed', kind: 'call', from: 'high', run: () => 0 }],
    });
    say('medium');
    expect(monitor.state).toBe('pressure');
    say('high');
    say('none');
    time.advance(5000);
    monitor.stop();
    expect(monitor.state).toBe('idle');
    expect(log.filter((line) => !line.startsWith('action'))).toEqual([
      'state: idle to monitoring',
      'state: monitoring to pressure',
      'change: none to medium',
      'change: medium to high',
      'state: pressure to action',
      'state: action to pressure',
      'state: pressure to monitoring',
      'change: high to none',
      'state: monitoring to idle',
    ]);
  });

  it('tells of a change who said so, since when, and what all sources read', () => {
    const { monitor, say, time } = watched({ dwellMs: '2s' });
    const changes: PressureChange[] = [];
    monitor.on('change', (change) => changes.push(change));
    say('high');
    expect(changes[0]).toEqual({
      from: 'none',
      to: 'high',
      atMs: 50,
      heldMs: 0,
      reason: 'manual: high, set by hand',
      sources: [expect.objectContaining({ name: 'manual', level: 'high', state: 'available', mode: 'event' })],
    });
    say('none');
    time.advance(10_000);
    expect(changes[1]).toMatchObject({ from: 'high', to: 'none', reason: 'no source tells of pressure' });
    expect(changes[1]?.heldMs).toBe((changes[1]?.atMs ?? 0) - 50);
    expect(Object.isFrozen(changes[0])).toBe(true);
  });

  it('goes up at once and down after the dwell time, to the highest that was read', () => {
    const { monitor, say, time } = watched({ dwellMs: '5s', intervalMs: '1s' });
    say('critical');
    expect(monitor.level).toBe('critical');
    say('none');
    time.advance(2000);
    say('medium');
    say('none');
    expect(monitor.level).toBe('critical');
    time.advance(3000);
    expect(monitor.level).toBe('medium');
    time.advance(6000);
    expect(monitor.level).toBe('none');
  });

  it('is the highest of its sources', () => {
    const sources = [new ManualSource('a'), new ManualSource('b'), new ManualSource('c')] as const;
    const { monitor } = watched({ sources, dwellMs: 0 });
    sources[0].set('low');
    sources[2].set('high');
    expect(monitor.poll()).toBe('high');
    sources[2].set('none');
    expect(monitor.poll()).toBe('low');
  });

  it('keeps one timer, whatever happens, and none once it is stopped', () => {
    const { monitor, source, time } = watched();
    expect(time.pending).toBe(1);
    monitor.start();
    for (let i = 0; i < 50; i += 1) {
      source.set(i % 2 === 0 ? 'high' : 'none');
      expect(time.pending).toBe(1);
    }
    time.advance(30_000);
    expect(time.pending).toBe(1);
    monitor.configure({ intervalMs: 20 });
    expect(time.pending).toBe(1);
    monitor.stop();
    monitor.stop();
    expect(time.pending).toBe(0);
    source.set('high');
    expect(time.pending).toBe(0);
    monitor.start();
    expect(time.pending).toBe(1);
    monitor[Symbol.dispose]();
    expect(time.pending).toBe(0);
  });

  it('reads at its interval, and sooner when it is woken, but not at every call', () => {
    const { monitor, source, time } = watched({ intervalMs: '10s' });
    expect(monitor.stats().ticks).toBe(1);
    time.advance(30_000);
    expect(monitor.stats()).toMatchObject({ ticks: 4, wakes: 0 });
    for (let i = 0; i < 1000; i += 1) source.set('low');
    time.advance(50);
    expect(monitor.stats()).toMatchObject({ ticks: 5, wakes: 1000 });
    time.advance(1000);
    expect(monitor.stats().ticks).toBe(5);
    source.set('none');
    time.advance(0); // long quiet: at once
    expect(monitor.stats().ticks).toBe(6);
    monitor.configure({ intervalMs: '1s' });
    time.advance(5000);
    expect(monitor.stats().ticks).toBe(11);
  });

  it('stopped, says none and denies nothing; started again, begins anew', () => {
    const { monitor, say, source, log } = watched({
      actions: [{ name: 'deny', kind: 'deny', from: 'high', largestBytes: 1000 }],
    });
    say('critical');
    expect([monitor.level, monitor.largestAllowedBytes, monitor.allows(1001)]).toEqual(['critical', 1000, false]);
    monitor.stop();
    expect([monitor.level, monitor.largestAllowedBytes, monitor.state]).toEqual([
      'none',
      Number.POSITIVE_INFINITY,
      'idle',
    ]);
    expect(codeOf(() => monitor.poll())).toBe('ERR_MEMORY_INVALID_STATE');
    monitor.start();
    expect([monitor.level, monitor.largestAllowedBytes]).toEqual(['critical', 1000]);
    source.set('none');
    expect(log).toContain('change: critical to none');
    monitor.stop();
    monitor.start();
    expect(monitor.level).toBe('none'); // no dwell time from before
    monitor[Symbol.dispose]();
    monitor[Symbol.dispose]();
    expect(codeOf(() => monitor.start())).toBe('ERR_MEMORY_CLOSED');
  });

  it('serves as the signal of anything that reads a level: plain properties', () => {
    const { monitor } = watched();
    for (const key of ['level', 'largestAllowedBytes', 'state']) {
      expect(Object.getOwnPropertyDescriptor(monitor, key)).toMatchObject({ value: expect.anything() });
    }
  });

  it('is not brought down by listeners that throw, reject or reconfigure', async () => {
    const { monitor, say, time, log } = watched({ dwellMs: 0 });
    const later: string[] = [];
    monitor.on('change', () => {
      throw new Error('listener');
    });
    monitor.on('change', async () => {
      throw new Error('async listener');
    });
    monitor.on('change', () => {
      monitor.poll();
      monitor.configure({ intervalMs: 500 });
      monitor.addSource(new ManualSource());
    });
    monitor.on('change', ({ to }) => later.push(to));
    monitor.on('failure', () => {
      throw new Error('failing listener of failures');
    });
    say('high');
    say('none');
    await Promise.resolve();
    time.advance(2000);
    expect(later).toEqual(['high', 'none']);
    expect(log.filter((line) => line === 'failure: listener of change')).toHaveLength(4);
    // Each of them, and each time the listener of failures failed as well.
    expect(monitor.stats()).toMatchObject({ failures: 8, state: 'monitoring' });
  });

  it('can be stopped, and started, from inside a listener', () => {
    const { monitor, say, time, source } = watched({ dwellMs: 0 });
    monitor.once('change', () => monitor.stop());
    say('high');
    expect([monitor.level, monitor.state, time.pending]).toEqual(['none', 'idle', 0]);
    monitor.start();
    expect(monitor.level).toBe('high');
    monitor.once('change', () => {
      monitor.stop();
      monitor.start();
    });
    source.set('critical');
    time.advance(1000);
    expect([monitor.level, monitor.state, time.pending]).toEqual(['critical', 'pressure', 1]);
    monitor.stop();
    monitor.once('state', () => monitor.stop());
    const { ticks } = monitor.stats();
    monitor.start();
    expect([monitor.stats().ticks - ticks, monitor.state, time.pending]).toEqual([0, 'idle', 0]);
  });

  it('changes its settings as a whole or not at all', () => {
    const { monitor, time } = watched({ intervalMs: 1000 });
    expect(codeOf(() => monitor.configure({ intervalMs: 100, dwellMs: -1 }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    time.advance(10_000);
    expect(monitor.stats().ticks).toBe(11);
    expect(codeOf(() => monitor.configure({ sources: [] } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it.each<[string, unknown, string]>([
    ['an unknown option', { interval: 5 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['no object', 5, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['an interval of nothing', { intervalMs: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    ['an interval that is no time', { intervalMs: 'soon' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['a negative dwell time', { dwellMs: -1 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    ['a ratio over 1', { stepRatio: 1.5 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    ['a ratio of text', { stepRatio: '0.05' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['a ratio for no level', { stepRatio: { none: 0.1 } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['dryRun of text', { dryRun: 'yes' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['a journal of nothing', { journalEntries: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    ['a journal without end', { journalEntries: 1e9 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    ['one source', { sources: new ManualSource() }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['budgets that are none', { sources: [], budgets: [5] }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['a clock that is none', { clock: Date }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['timers that are none', { timers: { start: () => 0 } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('refuses %s', (_, options, code) => {
    expect(codeOf(() => new MemoryMonitor(options as MonitorOptions))).toBe(code);
  });
});

it('the level is never lower than what is read, and never falls sooner than the dwell time after any change', () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ level: fc.constantFrom(...PRESSURE_LEVELS), source: fc.nat(2) }),
      fc.record({ fail: fc.nat(2) }),
      fc.record({ advanceMs: fc.integer({ min: 0, max: 4000 }) }),
      fc.constant({ poll: true }),
    ),
    { maxLength: 80 },
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 6000 }),
      fc.integer({ min: 10, max: 3000 }),
      steps,
      (dwellMs, intervalMs, list) => {
        const time = new FakeTime();
        const sources = [new ManualSource('0'), new ManualSource('1'), new ManualSource('2')];
        const monitor = new MemoryMonitor({ sources, clock: time, timers: time, dwellMs, intervalMs, retryMs: 100 });
        let changedMs = Number.NEGATIVE_INFINITY;
        monitor.on('change', ({ from, to, atMs }) => {
          if (rankOf(to) < rankOf(from)) expect(atMs - changedMs).toBeGreaterThanOrEqual(dwellMs);
          changedMs = atMs;
        });
        monitor.start();
        for (const step of list) {
          if ('level' in step) sources[step.source]?.set(step.level);
          else if ('fail' in step) sources[step.fail]?.fail();
          else if ('advanceMs' in step) time.advance(step.advanceMs);
          else monitor.poll();
          expect(time.pending).toBe(1);
        }
        monitor.poll();
        const { sources: statuses, failures } = monitor.stats();
        for (const { level } of statuses) expect(rankOf(monitor.level)).toBeGreaterThanOrEqual(rankOf(level));
        expect(failures).toBe(0); // an expectation inside the listener that failed would be one
        monitor.stop();
        expect(time.pending).toBe(0);
      },
    ),
    { numRuns: 150 },
  );
});
