import type { PressureAction } from '../../lib/monitor';
import { Store, watched } from './support';

describe('an action that misbehaves', () => {
  const fails = new Error('broken');

  it.each<[string, Omit<Extract<PressureAction, { kind: 'reclaim' }>, 'name' | 'kind'>]>([
    [
      'throws',
      {
        target: {
          reclaimableBytes: () => 100,
          reclaim: () => {
            throw fails;
          },
        },
      },
    ],
    [
      'throws when asked what it has',
      {
        target: {
          reclaimableBytes: () => {
            throw fails;
          },
          reclaim: () => 0,
        },
      },
    ],
    [
      'throws when measured',
      {
        target: new Store(100),
        measure: () => {
          throw fails;
        },
      },
    ],
  ])('because it %s is reported, and the next one runs', (_, options) => {
    const next = new Store(1000);
    const { monitor, say, time, log } = watched({
      actions: [
        { name: 'bad', kind: 'reclaim', ...options },
        { name: 'next', kind: 'shrink', target: next },
      ],
    });
    say('high');
    expect(next.asked).toEqual([50]);
    expect(log).toContain("failure: action 'bad'");
    expect(monitor.journal()[0]).toMatchObject({
      outcome: 'failed',
      freedBytes: null,
      error: { code: null, message: 'broken' },
    });
    time.advance(100);
    monitor.poll();
    expect(monitor.journal().filter(({ action }) => action === 'bad')).toHaveLength(1); // at its pace, failing or not
    time.advance(1000);
    expect(monitor.journal().filter(({ action }) => action === 'bad')).toHaveLength(2);
    expect(monitor.state).toBe('pressure');
  });

  it.each([[Number.NaN], [-5], [undefined], ['100'], [Number.POSITIVE_INFINITY]])(
    'because it says that it has or freed %p bytes counts nothing',
    (nonsense) => {
      const asked: number[] = [];
      const { monitor, say } = watched({
        actions: [
          {
            name: 'has',
            kind: 'reclaim',
            target: { reclaimableBytes: () => nonsense as number, reclaim: (n) => asked.push(n) },
          },
          { name: 'freed', kind: 'call', run: () => nonsense },
        ],
      });
      say('high');
      expect(asked).toEqual([]);
      expect(monitor.stats()).toMatchObject({ freedBytes: 0, journaled: 1 });
    },
  );

  it('because it answers later is not asked again meanwhile', async () => {
    const target = new Store(1000);
    let finish = (): void => {};
    const slow = {
      reclaimableBytes: () => target.bytes,
      reclaim: (bytes: number) =>
        new Promise<number>((resolve) => {
          target.asked.push(bytes);
          finish = () => {
            target.bytes -= bytes;
            resolve(bytes);
          };
        }),
    };
    const { monitor, say, time } = watched({ actions: [{ name: 'slow', kind: 'reclaim', target: slow }] });
    say('high');
    time.advance(10_000);
    expect([target.asked, monitor.state]).toEqual([[50], 'action']);
    finish();
    await new Promise((resolve) => setImmediate(resolve));
    expect(monitor.state).toBe('pressure');
    expect(monitor.journal().map(({ outcome, freedBytes }) => [outcome, freedBytes])).toEqual([
      ['asked', null],
      ['done', 50],
    ]);
    time.advance(1000);
    expect(target.asked).toEqual([50, 47]);
  });

  it('because it never answers is reported when its time is up, holds nobody up, and may answer late', async () => {
    const next = new Store(1000);
    let answer = (_: number): void => {};
    const { monitor, say, time, log } = watched({
      actionDeadlineMs: '5s',
      dwellMs: 0,
      actions: [
        {
          name: 'never',
          kind: 'call',
          run: () =>
            new Promise((resolve) => {
              answer = resolve;
            }),
        },
        { name: 'next', kind: 'shrink', target: next, stepRatio: 0.01 },
      ],
    });
    say('high');
    say('none'); // also where the pressure is gone meanwhile
    time.advance(20_000);
    const mine = (): string[] => monitor.journal().flatMap((one) => (one.action === 'never' ? [one.outcome] : []));
    expect(mine()).toEqual(['asked', 'unanswered']);
    expect(log.filter((line) => line === "failure: action 'never'")).toHaveLength(1);
    expect(monitor.state).toBe('monitoring');
    say('high');
    time.advance(3000);
    expect(mine()).toEqual(['asked', 'unanswered']);
    expect(next.asked.length).toBeGreaterThan(3);
    answer(7);
    await new Promise((resolve) => setImmediate(resolve));
    expect(mine()).toEqual(['asked', 'unanswered', 'late']);
    time.advance(1000);
    expect(mine()).toHaveLength(4); // asked again
  });

  it('because it rejects is reported, and asked again at its pace', async () => {
    const { monitor, say, time, log } = watched({
      actions: [{ name: 'rejects', kind: 'call', run: async () => Promise.reject(fails) }],
    });
    say('high');
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toContain("failure: action 'rejects'");
    time.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(monitor.journal().map(({ outcome }) => outcome)).toEqual(['asked', 'failed', 'asked', 'failed']);
  });

  it('because it reconfigures the monitor from inside changes what comes after it', () => {
    const [first, second] = [new Store(1000), new Store(1000)];
    const { monitor, say, time } = watched();
    let removeSecond = (): void => {};
    monitor.addAction({
      name: 'meddler',
      kind: 'call',
      run: () => {
        monitor.poll();
        removeSecond();
        monitor.configure({ stepRatio: 0.5, intervalMs: 100 });
        if (!monitor.journal().some(({ action }) => action === 'first')) {
          monitor.addAction({ name: 'first', kind: 'shrink', target: first });
        }
      },
    });
    removeSecond = monitor.addAction({ name: 'second', kind: 'shrink', target: second });
    say('high');
    expect([first.asked, second.asked]).toEqual([[], []]);
    monitor.poll();
    expect(first.asked).toEqual([500]);
    expect(second.asked).toEqual([]);
    expect(time.pending).toBe(1);
  });

  it('because it stops the monitor is the last one', () => {
    const next = new Store(1000);
    const { monitor, say, time } = watched({
      actions: [{ name: 'stopper', kind: 'call', run: () => monitor.stop() }],
    });
    monitor.addAction({ name: 'next', kind: 'shrink', target: next });
    say('high');
    expect([next.asked, monitor.state, monitor.level, time.pending]).toEqual([[], 'idle', 'none', 0]);
  });
});
