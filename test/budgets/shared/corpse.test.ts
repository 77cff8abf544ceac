import { once } from 'node:events';
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { SharedBudget } from '../../../lib/budgets';
import { AREA, type BudgetBook } from '../../../lib/budgets/shared/layout';
import { codeOf } from './support';

const LIBRARY = process.env['NEBULA_TEST_LIBRARY'] ?? resolve(__dirname, '../../../dist');

/** A member in a worker that ends with `bytes` of the budget in its name. */
async function leaveBehind(budget: SharedBudget, bytes: number): Promise<void> {
  const script = `
    const { workerData } = require('node:worker_threads');
    const { SharedBudget } = require(workerData.library);
    SharedBudget.attach(workerData.handle, { quantumBytes: 1 }).reserve(workerData.bytes);
    process.exit(0);`;
  const workerData = { library: LIBRARY, handle: budget.handle, bytes };
  await once(new Worker(script, { eval: true, workerData }), 'exit');
}

test('a dead member whose share cannot be read stays until it can, and keeps nobody else from being found', async () => {
  using budget = SharedBudget.create('x', { limitBytes: 100, members: 4 });
  await leaveBehind(budget, 10); // place 2
  await leaveBehind(budget, 20);
  const { book } = budget as unknown as { book: BudgetBook };
  const at = book.areaOf(2) + AREA.settled;
  Atomics.store(book.words, at, 1000);
  expect(codeOf(() => budget.recover())).toBe('ERR_MEMORY_CORRUPTION');
  expect(budget.tryReserve(90)).toBe(true); // what the other one held came back
  expect(codeOf(() => budget.recover())).toBe('ERR_MEMORY_CORRUPTION');
  Atomics.store(book.words, at, 10);
  expect(budget.recover()).toEqual({ members: 1, bytes: 10 });
  budget.release(90);
});
