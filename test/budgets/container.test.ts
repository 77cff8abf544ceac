import { MemoryBudget } from '../../lib/budgets';
import { codeOf } from './support';

const GIB = 2 ** 30;
const breakdown = { oursResidentBytes: 5, heapBytes: 7, arrayBuffersBytes: 100, externalBytes: 20, otherBytes: 3 };
const machine = {
  limits: { effectiveBytes: 4 * GIB, throttle: null, detail: 'memory.max' },
  heapLimitBytes: GIB,
  processMemory: { breakdown },
};

describe('MemoryBudget.forContainer', () => {
  it('leaves room for the heap, for what is not ours, and headroom', () => {
    const budget = MemoryBudget.forContainer({ ...machine, headroomRatio: 0.25 });
    expect([budget.name, budget.limitBytes]).toEqual(['container', 2 * GIB - 123]);
  });

  it('stays below memory.high', () => {
    const limits = { ...machine.limits, throttle: { bytes: 2 * GIB, setBy: 'memory.high' } };
    expect(MemoryBudget.forContainer({ ...machine, limits, headroomRatio: 0 }).limitBytes).toBe(GIB - 123);
  });

  it('says so when nothing is left, or nothing is known', () => {
    expect(codeOf(() => MemoryBudget.forContainer({ ...machine, heapLimitBytes: 4 * GIB }))).toBe(
      'ERR_MEMORY_OUT_OF_MEMORY',
    );
    const limits = { effectiveBytes: null, throttle: null, detail: 'no limit could be read' };
    expect(codeOf(() => MemoryBudget.forContainer({ ...machine, limits }))).toBe('ERR_MEMORY_UNSUPPORTED');
    expect(codeOf(() => MemoryBudget.forContainer({ headroomRatio: 2 }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  });

  it('reads this machine', () => {
    expect(MemoryBudget.forContainer({ headroomRatio: 0.01, policy: 'fairShare' }).limitBytes).toBeGreaterThan(0);
  });
});
