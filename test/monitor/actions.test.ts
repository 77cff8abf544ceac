import fc from 'fast-check';
import { CachedProvider } from '../../lib/allocators';
import { MemoryBudget } from '../../lib/budgets';
import type { PressureAction } from '../../lib/monitor';
import { codeOf, Store, watched } from './support';

const KINDS = ['trim', 'shrink', 'reclaim'] as const;

describe('steps', () => {
  it.each(KINDS)('of %s ask for a twentieth of what is there, once a second, at the level and above it', (kind) => {
    const target = new Store(1_000_000);
    const { say, time, monitor } = watched({ actions: [{ name: 'store', kind, target, from: 'high' }] });
    say('medium');
    time.advance(10_000);
    expect(target.asked).toEqual([]);
    say('high');
    expect(target.asked).toEqual([50_000]);
    time.advance(500);
    monitor.poll();
    expect(target.asked).toHaveLength(1);
    time.advance(1500);
    expect(target.asked).toEqual([50_000, 47_500, 45_125].slice(0, target.asked.length));
    expect(target.asked.length).toBe(2);
    say('critical');
    time.advance(1000);
    expect(target.asked.length).toBe(3);
    expect(monitor.stats().freedBytes).toBe(1_000_000 - target.bytes);
  });

  it.each([
    ['low', 50, 50],
    ['medium', 50, 200],
    ['high', 100, 200],
    ['critical', 1000, 200],
  ] as const)(
    'take the ratio of the level %s or the nearest below it, the own before the general',
    (level, all, mine) => {
      const [general, own] = [new Store(1000), new Store(1000)];
      const { say } = watched({
        stepRatio: { high: 0.1, critical: 1 },
        actions: [
          { name: 'general', kind: 'shrink', target: general, from: 'low' },
          { name: 'own', kind: 'shrink', target: own, from: 'low', stepRatio: { medium: 0.2 } },
        ],
      });
      say(level);
      expect([general.asked, own.asked]).toEqual([[all], [mine]]);
    },
  );

  it('leave what is to be kept, and ask nothing of what has nothing', () => {
    const [kept, empty, small] = [new Store(1000), new Store(0), new Store(19)];
    const { say, time, monitor } = watched({
      actions: [
        { name: 'kept', kind: 'trim', target: kept, keepBytes: 970, intervalMs: 0 },
        { name: 'empty', kind: 'trim', target: empty },
        { name: 'small', kind: 'trim', target: small },
      ],
    });
    say('critical');
    time.advance(20_000);
    expect([kept.bytes, kept.asked]).toEqual([970, [30]]);
    expect([empty.asked, small.asked]).toEqual([[], []]); // a twentieth of 19 bytes is no byte
    expect(monitor.stats().journaled).toBe(1);
  });

  it('never ask for more than the ratio of what is there, nor sooner than the interval', () => {
    const shares = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(
        shares,
        fc.integer({ min: 0, max: 5000 }),
        fc.array(fc.nat(3000), { maxLength: 30 }),
        (percent, actionIntervalMs, waits) => {
          const store = new Store(1_000_003);
          const before: number[] = [];
          const at: number[] = [];
          const { monitor, say, time } = watched({ stepRatio: percent / 100, actionIntervalMs, intervalMs: 1000 });
          monitor.addAction({
            name: 'store',
            kind: 'reclaim',
            target: {
              reclaimableBytes: () => store.bytes,
              reclaim: (bytes) => {
                before.push(store.bytes);
                at.push(time.now);
                return store.reclaim(bytes);
              },
            },
          });
          say('high');
          for (const ms of waits) {
            time.advance(ms);
            monitor.poll();
          }
          for (const [i, bytes] of store.asked.entries()) {
            expect(bytes).toBe(Math.floor((before[i] ?? 0) * (percent / 100)));
            expect((at[i] ?? 0) - (at[i - 1] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(actionIntervalMs);
          }
          monitor.stop();
        },
      ),
    );
  });

  it('of a target that cannot say what it has ask for everything, and must say so', () => {
    const asked: (number | undefined)[] = [];
    const target = { trim: (keep?: number): number => asked.push(keep) };
    const { monitor, say } = watched();
    expect(codeOf(() => monitor.addAction({ name: 'all', kind: 'trim', target }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    monitor.addAction({ name: 'all', kind: 'trim', target, stepRatio: 1 });
    say('high');
    expect(asked).toEqual([0]);
    expect(monitor.journal()[0]).toMatchObject({ askedBytes: null, freedBytes: 1, measured: false });
  });

  it('trim a CachedProvider as it is, and give back what they say', () => {
    const provider = new CachedProvider(undefined, { decayMs: null });
    for (const region of Array.from({ length: 40 }, () => provider.acquire(65_536))) provider.release(region);
    expect(provider.stats().cachedBytes).toBe(40 * 65_536);
    const { say, time, monitor } = watched({ actions: [{ name: 'regions', kind: 'trim', target: provider }] });
    say('high');
    expect(provider.stats().cachedBytes).toBe(38 * 65_536);
    time.advance(1000);
    const [first] = monitor.journal();
    expect(first).toMatchObject({ askedBytes: 2 * 65_536, freedBytes: 2 * 65_536, measured: true });
    expect(monitor.stats().freedBytes).toBe(40 * 65_536 - provider.stats().cachedBytes);
    provider[Symbol.dispose]();
  });

  it("ask a budget's reclaimers, and measure on the budget", () => {
    const budget = new MemoryBudget('cache', { limitBytes: 10_000, quantumBytes: 1 });
    budget.reserve(8000);
    // Says what it likes; what counts is what the budget sees.
    const target = {
      reclaimableBytes: () => budget.usedBytes,
      reclaim: (bytes: number): number => {
        budget.release(bytes - 100);
        return 999_999;
      },
    };
    const { say, monitor } = watched({
      actions: [{ name: 'cache', kind: 'reclaim', target, measure: () => budget.usedBytes }],
    });
    say('medium');
    expect(budget.usedBytes).toBe(7700);
    expect(monitor.journal()).toEqual([
      {
        sequence: 1,
        atMs: 50,
        action: 'cache',
        kind: 'reclaim',
        outcome: 'done',
        level: 'medium',
        reason: 'manual: medium, set by hand',
        reclaimableBytes: 8000,
        askedBytes: 400,
        freedBytes: 300,
        measured: true,
        error: null,
      },
    ]);
  });
});

describe('a dry run', () => {
  it('writes down what would be done, and does nothing', () => {
    const target = new Store(1000);
    let called = 0;
    const { monitor, say, time } = watched({
      dryRun: true,
      actions: [
        ...KINDS.map((kind): PressureAction => ({ name: kind, kind, target })),
        { name: 'deny', kind: 'deny', largestBytes: 10 },
        {
          name: 'call',
          kind: 'call',
          run: () => {
            called += 1;
          },
        },
      ],
    });
    say('critical');
    time.advance(5000);
    expect([target.bytes, called, monitor.largestAllowedBytes]).toEqual([1000, 0, Number.POSITIVE_INFINITY]);
    const outcomes = new Set(monitor.journal().map(({ outcome }) => outcome));
    expect([...outcomes]).toEqual(['dryRun']);
    expect(monitor.journal().filter(({ action }) => action === 'trim')).toHaveLength(6);
    expect(monitor.journal()[0]).toMatchObject({ askedBytes: 50, freedBytes: null });
    expect(monitor.stats().freedBytes).toBe(0);
    monitor.configure({ dryRun: false });
    expect(monitor.largestAllowedBytes).toBe(10);
    monitor.poll();
    time.advance(1000);
    expect(target.bytes).toBeLessThan(1000);
    expect(called).toBeGreaterThan(0);
  });
});

describe('denying', () => {
  it('keeps the least of what holds, from its level on until the level falls', () => {
    const { monitor, say, time } = watched({
      dwellMs: 1000,
      actions: [
        { name: 'large', kind: 'deny', from: 'high', largestBytes: '64KiB' },
        { name: 'most', kind: 'deny', from: 'critical', largestBytes: '4KiB' },
      ],
    });
    say('medium');
    expect(monitor.largestAllowedBytes).toBe(Number.POSITIVE_INFINITY);
    say('high');
    expect(monitor.largestAllowedBytes).toBe(65_536);
    say('critical');
    expect([monitor.largestAllowedBytes, monitor.allows(4096), monitor.allows(4097)]).toEqual([4096, true, false]);
    say('high');
    time.advance(3000);
    expect(monitor.largestAllowedBytes).toBe(65_536);
    say('none');
    time.advance(3000);
    expect(monitor.largestAllowedBytes).toBe(Number.POSITIVE_INFINITY);
    expect(monitor.journal().map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      'large denying',
      'most denying',
      'most allowing',
      'large allowing',
    ]);
  });

  it('ends when its action is taken away', () => {
    const { monitor, say } = watched();
    const remove = monitor.addAction({ name: 'deny', kind: 'deny', largestBytes: 5 });
    say('medium');
    expect(monitor.largestAllowedBytes).toBe(5);
    remove();
    expect(monitor.largestAllowedBytes).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('callbacks', () => {
  it('are told why, and what they return counts', () => {
    const seen: unknown[] = [];
    const { monitor, say } = watched({
      actions: [
        {
          name: 'gc',
          kind: 'call',
          run: ({ level, reason, sources }) => {
            seen.push(level, reason, sources.length);
            return 4096;
          },
        },
      ],
    });
    say('high');
    expect(seen).toEqual(['high', 'manual: high, set by hand', 1]);
    expect(monitor.stats().freedBytes).toBe(4096);
  });
});

describe('the journal', () => {
  it('is bounded, keeps the latest, and shows that some are gone', () => {
    const { monitor, say, time, log } = watched({
      journalEntries: 5,
      actions: [{ name: 'call', kind: 'call', intervalMs: 0, run: () => 1 }],
    });
    say('high');
    time.advance(20_000);
    expect(monitor.journal().map(({ sequence }) => sequence)).toEqual([17, 18, 19, 20, 21]);
    expect(monitor.stats()).toMatchObject({ journaled: 21, freedBytes: 21 });
    expect(log.filter((line) => line.startsWith('action'))).toHaveLength(21);
    expect(Object.isFrozen(monitor.journal()[0])).toBe(true);
  });
});

it.each<[string, unknown]>([
  ['nothing', undefined],
  ['no kind', { name: 'x', target: new Store(1) }],
  ['another kind', { name: 'x', kind: 'kill' }],
  ['no name', { kind: 'trim', target: new Store(1) }],
  ['no target', { name: 'x', kind: 'trim' }],
  ['a target without the method', { name: 'x', kind: 'shrink', target: { reclaimableBytes: () => 1 } }],
  ['a target that cannot say', { name: 'x', kind: 'reclaim', target: { reclaim: () => 1 } }],
  ['level none', { name: 'x', kind: 'call', run: () => {}, from: 'none' }],
  ['an option of another kind', { name: 'x', kind: 'call', run: () => {}, largestBytes: 5 }],
  ['a misspelt option', { name: 'x', kind: 'call', run: () => {}, form: 'high' }],
  ['no size', { name: 'x', kind: 'deny' }],
  ['a size of text', { name: 'x', kind: 'deny', largestBytes: 'few' }],
  ['no function', { name: 'x', kind: 'call', run: 5 }],
  ['measure that is none', { name: 'x', kind: 'trim', target: new Store(1), measure: 5 }],
  ['a name twice', { name: 'taken', kind: 'call', run: () => {} }],
])('an action with %s is refused', (_, action) => {
  const { monitor } = watched({ actions: [{ name: 'taken', kind: 'call', run: () => 0 }] });
  expect(codeOf(() => monitor.addAction(action as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});
