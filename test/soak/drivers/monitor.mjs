// A monitor over this machine's own sources and one that is told: whatever fails around it, it never throws, never tells
// less than it was told, and trims what it was given.
import { expectFilled, fill } from './blocks.mjs';

const LEVELS = ['none', 'low', 'medium', 'high', 'critical'];

export const monitorDrivers = [
  {
    name: 'monitor',
    drives: ['MemoryMonitor', 'ManualSource', 'CachedProvider'],
    make(world) {
      const { CachedProvider, defaultSources, ManualSource, MemoryMonitor } = world.lib;
      let monitor = null;
      let provider = null;
      let manual = null;
      const out = [];
      let serial = 0;

      function open() {
        provider = world.met(new CachedProvider());
        manual = world.met(new ManualSource());
        monitor = world
          .met(
            new MemoryMonitor({
              sources: [manual, ...defaultSources()],
              actionIntervalMs: 0,
              retryMs: 0,
              journalEntries: 50,
              actions: [
                { name: 'regions', kind: 'trim', target: provider, stepRatio: { low: 0.05, critical: 1 } },
                { name: 'deny', kind: 'deny', from: 'high', largestBytes: '1MiB' },
                {
                  name: 'breaks',
                  kind: 'call',
                  run() {
                    throw new Error('as it should');
                  },
                },
              ],
            }),
          )
          .start();
      }

      function look() {
        const told = LEVELS.indexOf(manual.level);
        const level = LEVELS.indexOf(monitor.poll());
        if (level < told) throw new Error(`monitor: it says ${monitor.level} and was told ${manual.level}`);
        if (monitor.allows(2 ** 20 + 1) !== level < 3) throw new Error(`monitor: wrong limit at ${monitor.level}`);
        const kept = monitor.journal();
        if (kept.length > 50) throw new Error(`monitor: ${kept.length} entries in a journal of 50`);
        const wrong = kept.find(({ action, outcome }) => action !== 'breaks' && outcome === 'failed');
        if (wrong !== undefined) throw new Error(`monitor: ${JSON.stringify(wrong)}`);
      }

      return {
        step() {
          if (monitor === null) open();
          const choice = world.next() % 8;
          if (choice < 3) {
            const region = world.attempt(() => provider.acquire(65_536 * (1 + (world.next() % 8))));
            if (region === undefined) return;
            out.push({ region, serial });
            fill(region.bytes.subarray(0, 4096), serial++);
          } else if (choice < 5) {
            const item = out.shift();
            if (item === undefined) return;
            expectFilled(item.region.bytes.subarray(0, 4096), item.serial, 'monitor');
            world.attempt(() => provider.release(item.region));
          } else if (choice === 5) {
            manual.set(world.pick(LEVELS));
            look();
          } else if (choice === 6) {
            look();
          } else if (world.chance(10)) {
            monitor.stop();
            if (monitor.level !== 'none') throw new Error('monitor: it was stopped and tells a level');
            monitor.start();
          }
        },
        check() {
          for (const { region, serial: mark } of out) expectFilled(region.bytes.subarray(0, 4096), mark, 'monitor');
        },
        rest() {
          if (monitor === null) return;
          for (const { region } of out.splice(0)) provider.release(region);
          monitor[Symbol.dispose]();
          provider.trim();
          provider.dispose?.();
          monitor = null;
        },
      };
    },
  },
];
