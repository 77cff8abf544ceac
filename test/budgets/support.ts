import type { BudgetNode } from '../../lib/budgets/node';

export { codeOf } from '../platform/region/support';
export { FakeTime } from '../support/fake-time';

/** What is wrong below a node: every byte is counted once on each level, and nobody holds more than his limit. */
function wrongBelow(node: BudgetNode): string[] {
  const { held, free, used, limit, guaranteed } = node;
  const children = [...node.children.values()];
  const lent = children.reduce((sum, child) => sum + child.held, 0);
  const rules = {
    'held is free, used and lent': held === free + used + lent,
    'nothing is negative': Math.min(free, used, held) >= 0,
    'held is within the limit': held <= limit,
    'held covers the guarantee': held >= guaranteed,
    'use is within the limit': node.totalUsed() <= limit,
  };
  const broken = Object.entries(rules).filter(([, holds]) => !holds);
  const told = broken.map(
    ([rule]) => `${node.path()}: ${rule}: ${JSON.stringify({ held, free, used, lent, limit, guaranteed })}`,
  );
  return [...told, ...children.flatMap(wrongBelow)];
}

export function checkTree(root: BudgetNode): void {
  expect(wrongBelow(root)).toEqual([]);
}
