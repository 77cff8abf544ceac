import * as fc from 'fast-check';
import { type AsyncPool, expectExact, type FakeTime, type Item, setup, turns } from './support';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 60);

interface Step {
  readonly kind:
    | 'acquire'
    | 'try'
    | 'release'
    | 'destroy'
    | 'detach'
    | 'abort'
    | 'pass'
    | 'answer'
    | 'fail'
    | 'clear'
    | 'use';
  readonly which: number;
  readonly amount: number;
}

const STEP: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Step['kind'][]>(
    ...(['acquire', 'acquire', 'acquire', 'try', 'release', 'release', 'release', 'destroy', 'detach'] as const),
    ...(['abort', 'pass', 'pass', 'answer', 'answer', 'answer', 'answer', 'fail', 'clear', 'use'] as const),
  ),
  which: fc.nat(1000),
  amount: fc.nat(100),
});

interface Setting {
  readonly max: number;
  readonly min: number;
  readonly slow: number;
  readonly fifo: boolean;
  readonly propagates: boolean;
  readonly limited: boolean;
}

const SETTING: fc.Arbitrary<Setting> = fc.record({
  max: fc.integer({ min: 1, max: 4 }),
  min: fc.integer({ min: 0, max: 1 }),
  slow: fc.nat(15),
  fifo: fc.boolean(),
  propagates: fc.boolean(),
  limited: fc.boolean(),
});

interface Wait {
  readonly controller: AbortController;
  readonly priority: number;
  readonly arrival: number;
  readonly untilMs: number;
  aborted: boolean;
}

/** A pool whose hooks answer when the model says so, and everybody who uses it. */
class World {
  readonly time: FakeTime;
  readonly pool: AsyncPool<Item>;
  readonly items: Item[] = [];
  readonly held = new Set<Item>();
  readonly gone = new Set<Item>();
  readonly waits = new Map<number, Wait>();
  readonly wrong: string[] = [];
  /** Hooks that were asked and did not answer yet. */
  readonly open: { readonly yes: () => void; readonly no: () => void }[] = [];
  private readonly setting: Setting;
  private arrivals = 0;
  private uses = 0;

  constructor(setting: Setting) {
    this.setting = setting;
    const { pool, time } = setup({
      max: setting.max,
      min: setting.min,
      order: setting.fifo ? 'fifo' : 'lifo',
      propagateCreateError: setting.propagates,
      create: () => this.answer<Item>(1, () => this.make()),
      validate: (item) => this.asked(2, item, 'validate'),
      reset: (item) => this.asked(4, item, 'reset'),
      dispose: (item) => {
        this.end(item);
        return this.answer(8, () => undefined);
      },
      createTimeoutMs: 150,
      validateTimeoutMs: 120,
      destroyTimeoutMs: 90,
      ...(setting.limited
        ? { idleTimeoutMs: 300, softIdleTimeoutMs: 100, maxAgeMs: 1000, evictionRunIntervalMs: 50 }
        : {}),
    });
    this.pool = pool;
    this.time = time;
  }

  private make(): Item {
    const item = { id: this.items.length, disposed: 0 };
    this.items.push(item);
    return item;
  }

  private asked(bit: number, item: Item, hook: string): boolean | Promise<boolean> {
    if (item.disposed > 0) this.wrong.push(`${hook} of ${item.id}, which has ended`);
    if (this.held.has(item)) this.wrong.push(`${hook} of ${item.id}, which is lent`);
    return this.answer(bit, () => true);
  }

  private end(item: Item): void {
    item.disposed += 1;
    if (item.disposed > 1) this.wrong.push(`${item.id} ended twice`);
    if (this.held.has(item)) this.wrong.push(`${item.id} ended while it is lent`);
    if (this.gone.has(item)) this.wrong.push(`${item.id} ended after it left`);
  }

  /** At once, or when step() says so, depending on the bit. */
  private answer<R>(bit: number, give: () => R): R | Promise<R> {
    if ((this.setting.slow & bit) === 0) return give();
    return new Promise((resolve, reject) => {
      this.open.push({ yes: () => resolve(give()), no: () => reject(new Error('hook')) });
    });
  }

  private got(item: Item): void {
    if (this.held.has(item)) this.wrong.push(`${item.id} was lent twice`);
    if (item.disposed > 0) this.wrong.push(`${item.id} was lent after its end`);
    if (this.gone.has(item)) this.wrong.push(`${item.id} was lent after it left`);
    this.held.add(item);
    if (this.held.size > this.setting.max) this.wrong.push(`${this.held.size} are lent`);
  }

  private acquire(amount: number): void {
    const arrival = this.arrivals;
    const controller = new AbortController();
    const priority = amount % 3;
    const untilMs = this.time.now + (amount % 2 === 0 ? Number.POSITIVE_INFINITY : amount * 10);
    const deadlineMs = amount % 2 === 0 ? undefined : amount * 10;
    this.arrivals += 1;
    const wait: Wait = { controller, priority, arrival, untilMs, aborted: false };
    this.waits.set(arrival, wait);
    this.pool.acquire({ priority, signal: controller.signal, deadlineMs }).then(
      (item) => {
        this.waits.delete(arrival);
        this.got(item);
      },
      (error: { code?: string; message: string }) => {
        this.waits.delete(arrival);
        if (error.code === 'ERR_MEMORY_TIMEOUT' && !error.message.includes('create did not')) {
          if (this.time.now < untilMs) this.wrong.push(`${arrival} timed out too early`);
        } else if (error.code === 'ERR_MEMORY_ABORTED') {
          if (!wait.aborted) this.wrong.push(`${arrival} was aborted by nobody`);
        } else if (error.code === 'ERR_MEMORY_CLOSED') {
          if (this.pool.state !== 'closed') this.wrong.push(`${arrival} was refused by an open pool`);
        } else if (!this.setting.propagates) this.wrong.push(`${arrival} failed: ${error.message}`);
      },
    );
  }

  private use(): void {
    this.uses += 1;
    const end = (): void => {
      this.uses -= 1;
    };
    const work = (item: Item): void => {
      this.got(item);
      this.held.delete(item);
    };
    this.pool.use(work).then(end, end);
  }

  private pick<V>(from: Iterable<V>, which: number): V | undefined {
    const all = [...from];
    return all[which % Math.max(1, all.length)];
  }

  step({ kind, which, amount }: Step): void {
    const { pool } = this;
    if (kind === 'acquire') this.acquire(amount);
    if (kind === 'pass') this.time.advance(amount);
    if (kind === 'clear') void pool.clear();
    if (kind === 'use') this.use();
    if (kind === 'try') {
      const item = pool.tryAcquire();
      if (item !== undefined) this.got(item);
    }
    if (kind === 'abort') {
      const wait = this.pick(this.waits.values(), which);
      if (wait === undefined) return;
      wait.aborted = true;
      wait.controller.abort();
    }
    if (kind === 'answer') this.open.splice(which % Math.max(1, this.open.length), 1)[0]?.yes();
    if (kind === 'fail') this.open.splice(which % Math.max(1, this.open.length), 1)[0]?.no();
    if (kind === 'release' || kind === 'destroy' || kind === 'detach') {
      const item = this.pick(this.held, which);
      if (item === undefined) return;
      this.held.delete(item);
      if (kind === 'detach') this.gone.add(item);
      void pool[kind](item);
    }
  }

  check(): void {
    expect(this.wrong).toEqual([]);
    expectExact(this.pool);
    const { borrowed, waiting, idle, testing, creating, size, maxSize } = this.pool.stats();
    expect({ borrowed, waiting }).toEqual({ borrowed: this.held.size, waiting: this.waits.size + this.uses });
    // Nobody waits beside a free object, and not beside a free place either unless creation pauses.
    if (waiting > testing) expect(idle).toBe(0);
    const served = creating + testing;
    if (this.setting.propagates && waiting > served) expect(size).toBe(maxSize);
  }
}

describe('AsyncPool against a model', () => {
  it('keeps its promises in any order of calls, answers, failures and time', async () => {
    const steps = fc.array(STEP, { minLength: 5, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(SETTING, steps, async (setting, script) => {
        const world = new World(setting);
        await turns();
        for (const step of script) {
          world.step(step);
          await turns();
          world.check();
        }
        // Everything comes back, and everything ends.
        const closed = world.pool.close();
        for (let i = 0; i < 10; i += 1) {
          for (const item of [...world.held]) {
            world.held.delete(item);
            void world.pool.release(item);
          }
          await turns();
          world.time.advance(200);
        }
        await closed;
        // What was made too late is ended too, which takes its time as well.
        for (let i = 0; i < 3; i += 1) {
          for (const open of world.open.splice(0)) open.yes();
          await turns();
        }
        expect(world.wrong).toEqual([]);
        expect(world.time.pending).toBe(0);
        expect(world.pool.stats()).toMatchObject({ size: 0, waiting: 0 });
        expect(new Set(world.items.filter((item) => item.disposed === 0))).toEqual(world.gone);
      }),
      { numRuns: RUNS },
    );
  });

  it('serves by priority, then as they came, whatever else happens', async () => {
    const priorities = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 100 });
    await fc.assert(
      fc.asyncProperty(priorities, fc.nat(3), async (asked, leaving) => {
        const { pool } = setup({ max: 1 });
        const item = await pool.acquire();
        const served: number[] = [];
        const left = new Set<number>();
        asked.forEach((priority, index) => {
          const controller = new AbortController();
          pool.acquire({ priority, signal: controller.signal }).then(
            (got) => {
              served.push(index);
              pool.release(got);
            },
            () => {},
          );
          if (leaving === 0 || index % (leaving + 1) !== 0) return;
          controller.abort();
          left.add(index);
        });
        pool.release(item);
        await turns();
        const stay = asked.map((priority, index) => ({ priority, index })).filter(({ index }) => !left.has(index));
        const order = stay.sort((a, b) => b.priority - a.priority || a.index - b.index);
        expect(served).toEqual(order.map(({ index }) => index));
      }),
      { numRuns: RUNS },
    );
  });
});
