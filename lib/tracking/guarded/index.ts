export type { Damage } from './canary';
export { GuardedAllocator } from './guarded';
export type { GuardedOptions } from './options';
