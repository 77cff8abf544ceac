import { ManualSource, MemoryMonitor, type PressureSource } from '../../lib/monitor';
import { codeOf, FakeTime, Store, watched } from './support';

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
    this.open = Math.max(0, this.open - 1);
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

  it('that deny and are stopped or removed leave an end of it in the journal', () => {
    const { monitor, say } = watched({ actions: [{ name: 'a', kind: 'deny', from: 'high', largestBytes: 1000 }] });
    const remove = monitor.addAction({ name: 'b', kind: 'deny', from: 'high', largestBytes: 10 });
    say('critical');
    remove();
    expect(monitor.largestAllowedBytes).toBe(1000);
    monitor.stop();
    expect(monitor.journal().map(({ action, outcome, level }) => [action, outcome, level])).toEqual([
      ['a', 'denying', 'critical'],
      ['b', 'denying', 'critical'],
      ['b', 'allowing', 'critical'],
      ['a', 'allowing', 'none'],
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
