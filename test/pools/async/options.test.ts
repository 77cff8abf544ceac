import * as published from '../../../lib';
import { AsyncPool, codeOf, FakeTime, setup } from './support';

const make =
  (options: unknown): (() => unknown) =>
  () =>
    new AsyncPool(options as never);
const create = (): object => ({});

describe('the options of AsyncPool', () => {
  it.each([
    [undefined],
    [null],
    [7],
    [[]],
    [{}],
    [{ create, max: '2' }],
    [{ create: 7, max: 2 }],
    [{ create, max: 2, reset: 1 }],
    [{ create, max: 2, validate: {} }],
    [{ create, max: 2, dispose: 'end' }],
    [{ create, max: 2, name: '' }],
    [{ create, max: 2, order: 'filo' }],
    [{ create, max: 2, autostart: 1 }],
    [{ create, max: 2, propagateCreateError: 'no' }],
    [{ create, max: 2, testOnBorrow: 1, validate: () => true }],
    [{ create, max: 2, maxWaitingClients: 1.5 }],
    [{ create, max: 2, numTestsPerEvictionRun: 'all' }],
    [{ create, max: 2, idleTimeoutMs: 'soon' }],
    [{ create, max: 2, clock: {} }],
    [{ create, max: 2, timers: { start: () => 1 } }],
    [{ create, max: 2, timers: null }],
  ])('are refused as invalid: %p', (options) => {
    expect(codeOf(make(options))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it.each([
    [{ max: 0 }],
    [{ max: 2 ** 60 }],
    [{ max: 2, min: 3 }],
    [{ max: 2, maxWaitingClients: -1 }],
    [{ max: 2, numTestsPerEvictionRun: 0 }],
    [{ max: 2, idleTimeoutMs: 0 }],
    [{ max: 2, softIdleTimeoutMs: -1 }],
    [{ max: 2, maxAgeMs: 0.5 }],
    [{ max: 2, createTimeoutMs: 0 }],
    [{ max: 2, validateTimeoutMs: 0 }],
    [{ max: 2, destroyTimeoutMs: 0 }],
    [{ max: 2, createRetryIntervalMs: 0 }],
    [{ max: 2, acquireTimeoutMs: -1 }],
    [{ max: 2, evictionRunIntervalMs: -1 }],
  ])('are refused as out of range: %p', (options) => {
    expect(codeOf(make({ create, ...options }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  });

  it('may be durations in words', async () => {
    const { pool, works, time } = setup({ idleTimeoutMs: '2s', maxAgeMs: '1h', evictionRunIntervalMs: '500ms' });
    pool.release(await pool.acquire());
    time.advance(2000);
    expect(works.alive).toBe(0);
  });

  it('of calls are checked too', async () => {
    const { pool } = setup();
    for (const options of [7, null, { deadline: 5 }, { signal: {} }, { priority: 'high' }]) {
      await expect(pool.acquire(options as never)).rejects.toMatchObject({ code: 'ERR_MEMORY_INVALID_ARGUMENT' });
    }
    for (const options of [{ priority: 1 }, 5]) {
      for (const method of ['ready', 'drain', 'close'] as const) {
        await expect(pool[method](options as never)).rejects.toMatchObject({ code: 'ERR_MEMORY_INVALID_ARGUMENT' });
      }
    }
    expect(pool.state).toBe('open');
    expect(codeOf(() => pool.on('release', 5 as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it('of the class are what the package exports', async () => {
    const time = new FakeTime();
    const pool = new published.AsyncPool({ create, max: 1, name: 'db', clock: time, timers: time });
    expect([pool.name, pool.stats().name, pool.stats().maxSize]).toEqual(['db', 'db', 1]);
    await pool.close();
  });

  it('without a time limit no clock is read', async () => {
    const clock = { nowMs: () => expect(0).toBe(1) as never };
    const pool = new AsyncPool({ create, max: 1, clock });
    await pool.use(() => 1);
    await pool.close();
  });
});
