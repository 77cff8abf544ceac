import * as fc from 'fast-check';
import { MemoryBudget, type Reservation } from '../../lib/budgets';
import { checkTree } from './support';

interface Step {
  readonly kind: 'reserve' | 'release' | 'acquire' | 'cancel' | 'child' | 'close' | 'resize';
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
  ),
  which: fc.nat(1000),
  bytes: fc.integer({ min: 1, max: 300 }),
});

class World {
  readonly root: MemoryBudget;
  readonly open: MemoryBudget[];
  readonly own = new Map<MemoryBudget, number>();
  readonly got: { budget: MemoryBudget; reservation: Reservation }[] = [];
  waiting = 0;
  private count = 0;

  constructor(policy: 'greedy' | 'fairShare' | 'priority', quantumBytes: number) {
    this.root = new MemoryBudget('root', { limitBytes: 1000, policy, quantumBytes });
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
    if (kind === 'acquire') this.acquire(budget, bytes);
    if (kind === 'cancel') this.got.splice(which % Math.max(1, this.got.length), 1)[0]?.reservation.cancel();
    if (kind === 'child' && this.open.length < 12)
      this.tryTo(() => this.open.push(budget.child(`c${this.count++}`, { quantumBytes })));
    if (kind === 'resize') this.tryTo(() => budget.resize(Math.max(300, bytes * 5)));
    if (kind === 'close' && budget !== this.root && own === 0) {
      this.tryTo(() => {
        budget.close();
        this.open.splice(this.open.indexOf(budget), 1);
      });
    }
  }

  private acquire(budget: MemoryBudget, bytes: number): void {
    this.waiting += 1;
    budget.acquire(bytes).then(
      (reservation) => {
        this.waiting -= 1;
        this.got.push({ budget, reservation });
      },
      () => {
        this.waiting -= 1;
      },
    );
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
    for (let turn = 0; turn < 2000 && (this.waiting > 0 || this.got.length > 0); turn += 1) {
      for (const { reservation } of this.got.splice(0)) reservation.cancel();
      await Promise.resolve();
    }
    await new Promise((resolve) => setImmediate(resolve));
    for (const { reservation } of this.got.splice(0)) reservation.cancel();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

it.each(['greedy', 'fairShare', 'priority'] as const)(
  'random trees keep their limits and starve nobody: %s',
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
          // A waiter whose request outgrew a limit that was made smaller meanwhile may stay; nobody else.
          if (!steps.some(({ kind }) => kind === 'resize') && policy === 'greedy') expect(world.waiting).toBe(0);
          if (world.waiting === 0) expect(world.root.usedBytes).toBe(0);
        },
      ),
      { numRuns: 15 },
    );
  },
);
