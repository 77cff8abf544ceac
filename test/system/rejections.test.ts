import { FakeTime, small } from './support';
import { rejects, unhandledOf } from './unhandled';

// Callbacks of the caller that are async and fail: nobody waits for them, and they may not end the process.

test('an observer is counted and told to the logger', async () => {
  const errors: string[] = [];
  using system = small({
    logger: { info() {}, warn() {}, error: (fields, words) => void errors.push(`${words} ${JSON.stringify(fields)}`) },
  });
  system.observe(rejects('observer'), ['state']);
  expect(await unhandledOf(() => system.start())).toEqual([]);
  expect(system.stats().observerFailures).toBe(1);
  expect(errors).toEqual(['an observer failed {"event":"state","error":"observer"}']);
});

test('a logger is counted', async () => {
  const log = rejects('logger');
  using system = small({ logger: { info: log, warn: log, error: log } });
  expect(await unhandledOf(() => system.start())).toEqual([]);
  expect(system.stats().loggerFailures).toBe(1);
});

test('a metrics sink is told to the logger once a round, and what it did not take is told again', async () => {
  const timers = new FakeTime();
  const warnings: string[] = [];
  const told: number[] = [];
  let fails = true;
  const counter = async (name: string, delta: number): Promise<void> => {
    if (name !== 'nebula_memory_requests_total') return;
    if (fails) throw new RangeError('sink');
    told.push(delta);
  };
  const gauge = async (): Promise<void> => {
    if (fails) throw new RangeError('sink');
  };
  using system = small({
    ...{ timers, metrics: { counter, gauge } },
    logger: {
      info() {},
      warn: (fields, words) => void warnings.push(`${words} ${JSON.stringify(fields)}`),
      error() {},
    },
  });
  system.free(system.allocate(64), 64);
  expect(await unhandledOf(() => timers.advance(10_000))).toEqual([]);
  expect(warnings).toEqual(['metrics could not be published {"error":"sink"}']);
  fails = false;
  system.free(system.allocate(64), 64);
  timers.advance(10_000);
  expect(told).toEqual([2]);
});

describe('a budget that does not take back', () => {
  function rejecting() {
    const budget = {
      name: 'mine',
      used: 0,
      refuses: true,
      reserve: (bytes: number) => void (budget.used += bytes),
      tryReserve: (bytes: number) => {
        budget.used += bytes;
        return true;
      },
      release: async (bytes: number) => {
        if (budget.refuses) throw new RangeError('budget');
        budget.used -= bytes;
      },
    };
    return budget;
  }

  test('is owed, and offered again', async () => {
    const budget = rejecting();
    using system = small({ budget: budget as never });
    const handles = [64, 64, 64].map((size) => system.allocate(size));
    expect(await unhandledOf(() => system.free(handles[0] as number, 64))).toEqual([]);
    expect(system.stats()).toMatchObject({ owedBytes: 64, chargedBytes: 128 });
    expect(await unhandledOf(() => system.free(handles[1] as number, 64))).toEqual([]); // all of it refused anew
    expect(system.stats()).toMatchObject({ owedBytes: 128, chargedBytes: 64 });
    budget.refuses = false;
    system.free(handles[2] as number, 64);
    expect([system.stats().owedBytes, budget.used]).toEqual([0, 0]);
  });

  test('below a tenant as well, whose own count stays right', async () => {
    const budget = rejecting();
    using system = small({ budget: budget as never });
    const tenant = system.tenant('t', { limitBytes: '1MiB' });
    const handles = [64, 64].map((size) => tenant.allocate(size));
    expect(await unhandledOf(() => tenant.free(handles[0] as number, 64))).toEqual([]);
    expect([tenant.budget.usedBytes, budget.used]).toEqual([64, 128]);
    budget.refuses = false;
    tenant.free(handles[1] as number, 64);
    expect([tenant.budget.usedBytes, budget.used]).toEqual([0, 0]);
  });
});
