export { BudgetedAllocator, type BudgetedOptions } from './budgeted';
export { ByteLimit } from './limit';
