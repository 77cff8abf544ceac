import { SharedBudget, type SharedBudgetOptions } from '../../../lib/budgets';
import { FakeTime } from '../support';

export { codeOf } from '../../platform/region/support';

/** Several members in this thread, in one time that stands still until it is moved. */
export class Team {
  readonly timers = new FakeTime();
  readonly clock = { nowMs: () => this.timers.now };
  readonly all: SharedBudget[];

  constructor(count: number, options: Omit<SharedBudgetOptions, 'timers' | 'clock'>) {
    const own = { timers: this.timers, clock: this.clock };
    const first = SharedBudget.create('team', { ...options, ...own });
    const { quantumBytes } = options;
    const step = quantumBytes === undefined ? {} : { quantumBytes };
    this.all = [first];
    for (let i = 1; i < count; i += 1) this.all.push(SharedBudget.attach(first.handle, { ...step, ...own }));
  }

  at(index: number): SharedBudget {
    return this.all[index] as SharedBudget;
  }

  /** Moves the time on in steps, so that what a timer starts is met too, and lets promises run. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1) {
      this.timers.advance(1);
      await Promise.resolve();
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Gives back what each has reserved, and closes. */
  end(): void {
    for (const budget of this.all) {
      const { ownBytes } = budget.stats();
      if (ownBytes > 0) budget.release(ownBytes);
      budget.close();
    }
    expect(this.timers.pending).toBe(0);
  }
}

/** What members hold is what is granted, within the limit, and covers what they use. */
export function checkTeam(budget: SharedBudget): void {
  const { limitBytes, heldBytes, usedBytes, members } = budget.stats();
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
  expect(sum(members.map((member) => member.heldBytes))).toBe(heldBytes);
  expect(sum(members.map((member) => member.usedBytes))).toBe(usedBytes);
  for (const member of members) expect(member.usedBytes).toBeLessThanOrEqual(member.heldBytes);
  expect(heldBytes).toBeLessThanOrEqual(limitBytes);
}
