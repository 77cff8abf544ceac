import * as fc from 'fast-check';
import { MemoryBudget, type PolicyName, type Reservation } from '../../lib/budgets';
import { checkTree, FakeTime } from './support';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 30);

interface Step {
  readonly kind: 'reserve' | 'release' | 'acquire' | 'cancel' | 'child' | 'close' | 'resize' | 'abort' | 'pass';
  readonly which: number;
  readonly bytes: number;
}

const STEP: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Step['kind'][]>(
    'reserve',
    'reserve',
    'release',
    'release',
    'acquire',
    'cancel',
    'child',
    'close',
    'resize',
    'abort',
    'pass',
  ),
  which: fc.nat(1000),
  bytes: fc.integer({ min: 1, max: 300 }),
});

class World {
  readonly root: MemoryBudget;
  readonly open: MemoryBudget[];
  readonly own = new Map<MemoryBudget, number>();
  readonly got: { budget: MemoryBudget; reservation: Reservation }[] = [];
  readonly timers = new FakeTime();
  readonly waiting = new Map<Promise<void>, { controller: AbortController; until: number }>();
  private readonly policy: PolicyName;
  private count = 0;

  constructor(policy: PolicyName, quantumBytes: number) {
    this.policy = policy;
    this.root = new MemoryBudget('root', { limitBytes: 1000, policy, quantumBytes, timers: this.timers });
    this.open = [this.root];
  }

  step({ kind, which, bytes }: Step, quantumBytes: number): void {
    const budget = this.open[which % this.open.length] ?? this.root;
    const own = this.own.get(budget) ?? 0;
    if (kind === 'reserve' && budget.tryReserve(bytes)) this.own.set(budget, own + bytes);
    if (kind === 'release' && own > 0) {
      const part = Math.min(own, bytes);
      this.own.set(budget, own - part);
      budget.release(part);
    }
    if (kind === 'acquire') this.acquire(budget, bytes, which);
    if (kind === 'abort') [...this.waiting.values()][which % Math.max(1, this.waiting.size)]?.controller.abort();
    if (kind === 'pass') this.timers.advance(bytes);
    if (kind === 'cancel') this.got.splice(which % Math.max(1, this.got.length), 1)[0]?.reservation.cancel();
    if (kind === 'child' && this.open.length < 12)
      this.tryTo(() => {
        const guarantee = which % 4 === 0 ? { guaranteedBytes: bytes % 50 } : {};
        const policy = which % 3 === 0 ? { policy: this.policy } : {};
        const options = { quantumBytes, priority: which % 100, ...guarantee, ...policy };
        this.open.push(budget.child(`c${this.count++}`, options));
      });
    if (kind === 'resize') this.tryTo(() => budget.resize(Math.max(300, bytes * 5)));
    if (kind === 'close' && budget !== this.root && own === 0) {
      this.tryTo(() => {
        budget.close();
        this.open.splice(this.open.indexOf(budget), 1);
      });
    }
  }

  private acquire(budget: MemoryBudget, bytes: number, which: number): void {
    const controller = new AbortController();
    const deadlineMs = which % 3 === 0 ? bytes : undefined;
    const options = {
      signal: controller.signal,
      priority: which % 100,
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    };
    const wait: Promise<void> = budget
      .acquire(bytes, options)
      .then(
        (reservation) => void this.got.push({ budget, reservation }),
        ({ code }: { code: string }) => expect(code).toMatch(/^ERR_MEMORY_(TIMEOUT|ABORTED|CLOSED|TOO_LARGE)$/),
      )
      .finally(() => this.waiting.delete(wait));
    this.waiting.set(wait, { controller, until: this.timers.now + (deadlineMs ?? Number.POSITIVE_INFINITY) });
  }

  private tryTo(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!/^ERR_MEMORY_(BUDGET_EXCEEDED|OUT_OF_RANGE|IN_USE)$/.test((error as { code?: string }).code ?? ''))
        throw error;
    }
  }

  check(): void {
    checkTree(this.root);
    const inTime = [...this.waiting.values()].filter(({ until }) => until > this.timers.now);
    expect(this.root.tree.waiting).toBeLessThanOrEqual(inTime.length); // nobody waits past its deadline
    for (const [budget, bytes] of this.own) {
      const reserved = this.got
        .filter((entry) => entry.budget === budget)
        .reduce((sum, { reservation }) => sum + reservation.bytes, 0);
      if (budget.state !== 'released') expect(budget.used).toBeGreaterThanOrEqual(bytes + reserved);
    }
  }

  /** Everything is given back: who waits is served then, whatever came before. */
  async drain(): Promise<void> {
    for (const [budget, bytes] of this.own) if (bytes > 0) budget.release(bytes);
    this.own.clear();
    for (let turn = 0; turn < 2000 && (this.waiting.size > 0 || this.got.length > 0); turn += 1) {
      for (const { reservation } of this.got.splice(0)) reservation.cancel();
      await Promise.resolve();
    }
    await new Promise((resolve) => setImmediate(resolve));
    for (const { reservation } of this.got.splice(0)) reservation.cancel();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

it.each<PolicyName>(['greedy', 'fairShare', 'priority'])(
  'random trees under random time keep their limits and starve nobody: %s',
  async (policy) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(STEP, { minLength: 30, maxLength: 200, size: 'max' }),
        fc.constantFrom(1, 7, 100),
        async (steps, quantum) => {
          const world = new World(policy, quantum);
          for (const step of steps) {
            world.step(step, quantum);
            await Promise.resolve();
            world.check();
          }
          await world.drain();
          world.check();
          // Time stands still meanwhile: who has no deadline is served all the same, or was told that it never will be.
          expect([world.waiting.size, world.root.usedBytes, world.root.tree.waiting]).toEqual([0, 0, 0]);
          expect(world.timers.pending).toBe(0);
        },
      ),
      { numRuns: RUNS, interruptAfterTimeLimit: 40_000 },
    );
  },
);
