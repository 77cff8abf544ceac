import { MemoryMonitor, type PressureSource } from '../../lib/monitor';
import { FakeTime } from './support';

// A source's read() is somebody else's code: it may stop the monitor that asks.

test.each([
  ['answers', (): void => {}],
  [
    'throws',
    (): void => {
      throw new RangeError('gone');
    },
  ],
])('a reading of a source that stopped the monitor and then %s is none', (_, end) => {
  const time = new FakeTime();
  let stops = true;
  const source: PressureSource = {
    name: 'stopper',
    read: () => {
      if (stops) monitor.stop();
      if (stops) end();
      return { level: 'high', value: 1, detail: 'all of it' };
    },
  };
  const monitor = new MemoryMonitor({ sources: [source], clock: time, timers: time });
  monitor.start();
  time.advance(100);
  expect(monitor.state).toBe('idle');
  expect(monitor.stats().sources[0]).toMatchObject({ state: 'unknown', level: 'none', value: null, detail: '' });
  stops = false;
  monitor.start();
  time.advance(100);
  expect([monitor.level, monitor.stats().sources[0]?.state]).toEqual(['high', 'available']);
  monitor.stop();
});

test('neither is one of before a stop and a start from inside of it', () => {
  const time = new FakeTime();
  let turns = 1;
  const source: PressureSource = {
    name: 'turner',
    read: () => {
      if (turns-- > 0) {
        monitor.stop();
        monitor.start();
        return { level: 'critical', value: 1, detail: 'of before' };
      }
      return { level: 'none', value: 0, detail: 'of now' };
    },
  };
  const monitor = new MemoryMonitor({ sources: [source], clock: time, timers: time });
  monitor.start();
  time.advance(2000);
  expect(monitor.stats()).toMatchObject({ level: 'none', sources: [{ detail: 'of now' }] });
  monitor.stop();
});
