// Adaptors over a heap: what they add must not change what the blocks hold, and what they count is what passed.
import { blockDriver } from './blocks.mjs';

const sum = (blocks) => blocks.reduce((total, { bytes }) => total + bytes, 0);

const over = (name, options, more) => ({
  name: `${name} over a heap`,
  drives: [name],
  needs: ['HeapAllocator'],
  make: (world) =>
    blockDriver(world, {
      what: name,
      open: () => new world.lib[name](new world.lib.HeapAllocator(2 * 2 ** 20), ...(options?.(world) ?? [])),
      sizeOf: () => 1 + (world.next() % 2000),
      most: 100,
      ...(typeof more === 'function' ? more(world) : more),
    }),
});

/** A log whose sink fails now and then; in the end it must tell what happened. */
const recording = {
  name: 'RecordingAllocator over a heap',
  drives: ['RecordingAllocator'],
  needs: ['HeapAllocator', 'parseEventLog'],
  make(world) {
    const { HeapAllocator, parseEventLog, RecordingAllocator } = world.lib;
    let lines = [];
    let full = false;
    const sink = (text) => {
      if (full && world.chance(30)) throw new Error('the disk is full');
      lines.push(text);
    };
    return blockDriver(world, {
      what: 'RecordingAllocator',
      open() {
        lines = [];
        return new RecordingAllocator(new HeapAllocator(2 ** 20), { sink, bufferBytes: world.pick([0, 1000, 65_536]) });
      },
      sizeOf: () => 1 + (world.next() % 2000),
      most: 100,
      extra(allocator) {
        full = true;
        try {
          allocator.flush();
        } catch (error) {
          if (error.message !== 'the disk is full') throw error;
        }
      },
      look(allocator, live) {
        if (allocator.lostLines !== 0) throw new Error(`RecordingAllocator: ${allocator.lostLines} lines are lost`);
        full = false;
        allocator.flush();
        const { summary } = parseEventLog(lines.join(''));
        if (summary.leaks.length !== live.length || summary.liveBytes !== sum(live)) {
          throw new Error(`RecordingAllocator: ${summary.leaks.length} blocks in the log, ${live.length} held`);
        }
      },
    });
  },
};

const retrying = {
  name: 'RetryingAllocator over a small heap',
  drives: ['RetryingAllocator'],
  needs: ['HeapAllocator'],
  make(world) {
    const { HeapAllocator, RetryingAllocator } = world.lib;
    return blockDriver(world, {
      what: 'RetryingAllocator',
      open: (freeOne) => new RetryingAllocator(new HeapAllocator(128 * 1024), { onFailure: () => freeOne() }),
      sizeOf: () => 1 + (world.next() % 5000),
      look({ hookCalls, recovered }) {
        if (recovered > hookCalls) throw new Error(`RetryingAllocator: ${recovered} recovered by ${hookCalls} calls`);
      },
    });
  },
};

const fallback = {
  name: 'FallbackAllocator over a heap and the system',
  drives: ['FallbackAllocator'],
  needs: ['HeapAllocator', 'SystemAllocator'],
  make(world) {
    const { FallbackAllocator, HeapAllocator, SystemAllocator } = world.lib;
    return blockDriver(world, {
      what: 'FallbackAllocator',
      open: () => new FallbackAllocator(new HeapAllocator(64 * 1024), new SystemAllocator()),
      sizeOf: () => 1 + (world.next() % 5000),
      most: 60,
      look({ primary, secondary }, live) {
        const count = primary.stats().liveAllocations + secondary.stats().liveAllocations;
        if (count !== live.length) throw new Error(`FallbackAllocator: ${count} blocks in both, ${live.length} held`);
      },
    });
  },
};

const budgeted = {
  name: 'BudgetedAllocator over a heap',
  drives: ['BudgetedAllocator', 'ByteLimit'],
  needs: ['HeapAllocator', 'MemoryBudget'],
  make(world) {
    const { BudgetedAllocator, ByteLimit, HeapAllocator, MemoryBudget } = world.lib;
    let budget;
    return blockDriver(world, {
      what: 'BudgetedAllocator',
      open() {
        world.met(new ByteLimit(1000));
        budget = world.chance(50) ? new ByteLimit(200_000) : new MemoryBudget('blocks', { limitBytes: 200_000 });
        return new BudgetedAllocator(new HeapAllocator(2 ** 20), { budget });
      },
      sizeOf: () => 1 + (world.next() % 5000),
      look({ chargedBytes }, live) {
        if (chargedBytes !== sum(live) || budget.usedBytes !== chargedBytes) {
          throw new Error(
            `BudgetedAllocator: ${budget.usedBytes} and ${chargedBytes} bytes charged, ${sum(live)} held`,
          );
        }
      },
      closed() {
        if (budget.usedBytes !== 0)
          throw new Error(`BudgetedAllocator: ${budget.usedBytes} bytes are charged in the end`);
      },
    });
  },
};

export const adaptorDrivers = [
  over('GuardedAllocator'),
  over('TrackedAllocator', (world) => [{ level: world.pick(['simple', 'advanced', 'paranoid']) }], {
    look(allocator, live) {
      const { value } = allocator.counters().bytes;
      if (value !== sum(live)) throw new Error(`TrackedAllocator: ${value} bytes counted, ${sum(live)} held`);
    },
  }),
  over('MonitoredAllocator', (world) => [
    {
      signal: {
        get level() {
          return world.pick(['none', 'high', 'critical']);
        },
      },
    },
  ]),
  over('FailureInjectingAllocator', (world) => [{ probability: 0.02, seed: world.next() }], { refuses: true }),
  recording,
  retrying,
  fallback,
  budgeted,
];
