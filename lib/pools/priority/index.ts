export { PriorityPool, type PriorityPoolOptions, type PriorityRequest } from './priority-pool';
