import { SharedBudget } from '../../../lib/budgets';
import type { Mode } from '../../support/hands';
import { Crew, type CrewOptions } from './crew';
import { checkTeam } from './support';

// Threads and processes of the built package, against a budget of this one. Each tells what it has; nobody may ever see
// more than the limit.

const LIMIT = 10_000;
const SEED = Number(process.env['STRESS_SEED'] ?? Date.now() % 100_000);
const RESERVATIONS = Number(process.env['STRESS_OPERATIONS'] ?? 2000);

async function withCrew(options: Partial<CrewOptions>, work: (crew: Crew, budget: SharedBudget) => Promise<void>) {
  const budget = SharedBudget.create('crew', { limitBytes: LIMIT, quantumBytes: 1 });
  const crew = new Crew(budget, { limitBytes: LIMIT, quantumBytes: 1, most: 4000, batch: 50, seed: SEED, ...options });
  try {
    await work(crew, budget);
  } finally {
    await crew.end();
    crew.close();
    budget.close();
  }
}

/** Everything that was lost is found again, and nothing twice. */
function expectWhole(budget: SharedBudget): void {
  budget.recover();
  expect(budget.stats()).toMatchObject({ usedBytes: 0, members: [{ self: true }] });
  expect(budget.tryReserve(LIMIT)).toBe(true);
  expect(budget.tryReserve(1)).toBe(false);
  budget.release(LIMIT);
  checkTeam(budget);
}

describe.each<Mode>(['threads', 'processes'])('%s that race', (mode) => {
  test.each([1, 500])('never pass the limit together, with steps of %i bytes', (quantumBytes) =>
    withCrew({ quantumBytes }, async (crew, budget) => {
      for (let i = 0; i < 4; i += 1) await crew.begin(mode);
      const readings: number[] = [];
      const watch = setInterval(() => readings.push(budget.usedBytes), 1);
      await crew.more(RESERVATIONS);
      // So much may be done before the watch has read once: they go on until it has.
      await crew.until(
        () => readings.length > 0,
        () => 'nothing was read',
      );
      clearInterval(watch);
      expect(await crew.end()).toEqual(Array(4).fill('ended'));
      expect([crew.passed, Math.max(...readings) <= LIMIT]).toEqual([0, true]);
      expectWhole(budget);
    }),
  );

  test('all get their turn when they wait', () =>
    withCrew({ waits: true, batch: 5, most: 9000 }, async (crew, budget) => {
      for (let i = 0; i < 3; i += 1) await crew.begin(mode);
      await crew.more(RESERVATIONS / 20);
      await crew.until(
        () => crew.waited > 0,
        () => 'nobody waited',
      );
      expect(await crew.end()).toEqual(Array(3).fill('ended')); // nobody waits on for ever
      expect(crew.passed).toBe(0);
      expectWhole(budget);
    }));

  test('and are killed at any moment lose nothing of the limit', () =>
    withCrew({ waits: true, batch: 500 }, async (crew, budget) => {
      const hands = [await crew.begin(mode), await crew.begin(mode), await crew.begin(mode)];
      for (let deaths = 0; deaths < 6; deaths += 1) {
        await crew.more(RESERVATIONS / 40);
        const [victim] = hands.splice(deaths % hands.length, 1);
        if (victim === undefined) continue;
        expect(await crew.kill(victim)).toBe(mode === 'threads' ? 'terminated' : 'SIGKILL');
        hands.push(await crew.begin(mode));
      }
      await crew.end();
      expect(crew.passed).toBe(0);
      expectWhole(budget);
    }));
});

test('a process that is stopped in the middle holds up nobody', () =>
  withCrew({ batch: 100_000 }, async (crew, budget) => {
    const hand = await crew.begin('processes');
    for (let round = 0; round < 20; round += 1) {
      hand.stop();
      for (let i = 0; i < 50; i += 1) if (budget.tryReserve(1)) budget.release(1);
      process.kill(hand.pid as number, 'SIGCONT');
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    expect(await crew.kill(hand)).toBe('SIGKILL');
    expectWhole(budget);
  }));

test('processes without a common parent share one by its name, and a killed one is missed without being asked', async () => {
  const open = `nebula-test-crew-${process.pid}`;
  SharedBudget.open(open, { limitBytes: 500 }).close(); // of an earlier run, which had another limit
  const crew = new Crew(null, { limitBytes: LIMIT, quantumBytes: 1, most: LIMIT, batch: 50, open, seed: SEED });
  try {
    const hands = await Promise.all([1, 2, 3].map(() => crew.begin('processes'))); // all at once
    const budget = SharedBudget.open(open, { limitBytes: LIMIT, quantumBytes: 1 });
    await crew.more(RESERVATIONS / 10);
    for (const hand of hands) expect(await crew.kill(hand)).toBe('SIGKILL');
    const all = await budget.acquire(LIMIT, { deadlineMs: '150s' });
    expect(budget.stats().members).toHaveLength(1);
    all.cancel();
    expect(crew.passed).toBe(0);
    expectWhole(budget);
    budget.close();
  } finally {
    SharedBudget.unlink(open);
    crew.close();
  }
});
