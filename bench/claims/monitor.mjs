// What a running monitor costs: nothing between its ticks, and little in one.
import { setImmediate as turn } from 'node:timers/promises';
import { claim, comparison, interleave, nebula, ratioOf, timed } from '../harness.mjs';

const { ManualSource, MemoryMonitor } = nebula;

let sink = 0;

/** Nanoseconds an operation of a service's loop: slices of a millisecond or two, with a turn of the event loop between. */
async function work(slices) {
  const perSlice = 400_000;
  const started = performance.now();
  for (let slice = 0; slice < slices; slice += 1) {
    for (let i = 0; i < perSlice; i += 1) sink = (Math.imul(sink, 1_664_525) + i) | 0;
    await turn();
  }
  return ((performance.now() - started) * 1e6) / (slices * perSlice);
}

async function withMonitor(options, body) {
  const monitor = new MemoryMonitor(options).start();
  try {
    return await body(monitor);
  } finally {
    monitor.stop();
  }
}

export default async function run({ quick }) {
  const slices = quick ? 400 : 2000;
  const working = await interleave(
    [
      { name: 'work alone', run: () => work(slices) },
      { name: 'beside a monitor, 1 s', run: () => withMonitor({}, () => work(slices)) },
      { name: 'beside a monitor, 100 ms', run: () => withMonitor({ intervalMs: 100 }, () => work(slices)) },
    ],
    quick ? 5 : 9,
  );
  const ticks = quick ? 500 : 3000;
  const tick = (name, options) => ({
    name,
    run: () =>
      withMonitor({ intervalMs: '1h', ...options }, (monitor) =>
        timed(ticks, (n) => {
          for (let i = 0; i < n; i += 1) monitor.poll();
        }),
      ),
  });
  const ticking = await interleave(
    [tick('a tick, all sources', {}), tick('a tick, one source', { sources: [new ManualSource()] })],
    quick ? 5 : 9,
  );
  const all = ticking.find(({ name }) => name === 'a tick, all sources').median;
  return {
    title: 'MemoryMonitor',
    unit: 'ns',
    rows: [...working, ...ticking],
    claims: [
      claim('work beside a monitor to work alone', ratioOf(working, 'beside a monitor, 1 s', 'work alone'), '<=', 1.01),
      claim('share of a core at one tick a second', all / 1e9, '<=', 0.001),
      comparison(
        'work beside ten ticks a second to work alone',
        ratioOf(working, 'beside a monitor, 100 ms', 'work alone'),
      ),
    ],
    notes: [
      'a tick with all sources reads /proc/meminfo, the pressure file, and the limits, use and events of every group',
      `the work yields to the event loop after every slice (checksum ${sink})`,
    ],
  };
}
