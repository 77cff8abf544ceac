import { MemoryMonitor, type PressureSource } from '../../lib/monitor';
import { rejects, unhandledOf } from '../system/unhandled';
import { FakeTime } from './support';

// A source whose methods are async and fail, against the rules: that is told, and ends no process.

function watching(source: object): { monitor: MemoryMonitor; failures: string[] } {
  const time = new FakeTime();
  const monitor = new MemoryMonitor({ sources: [source as PressureSource], clock: time, timers: time });
  const failures: string[] = [];
  monitor.on('failure', ({ where, error }) => failures.push(`${where}: ${(error as Error).message}`));
  return { monitor, failures };
}

const read = () => ({ level: 'none', value: null, detail: '' }) as const;

test.each(['start', 'stop'])('%s() that rejects is a failure', async (method) => {
  const { monitor, failures } = watching({ name: 'a', read, [method]: rejects(method) });
  expect(
    await unhandledOf(() => {
      monitor.start();
      monitor.stop();
    }),
  ).toEqual([]);
  expect([failures, monitor.stats().failures]).toEqual([[`source 'a': ${method}`], 1]);
});

test('read() that rejects is unavailable, as one that answers with no level', async () => {
  const { monitor } = watching({ name: 'a', read: rejects('read') });
  expect(await unhandledOf(() => monitor.start())).toEqual([]);
  expect(monitor.stats().sources).toMatchObject([{ state: 'unavailable', failures: 1 }]);
  monitor.stop();
});
