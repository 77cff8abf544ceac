import { describe } from './describe';
import { memoryError } from './errors';

/** What a part of the package needs of a budget: any object of this shape can limit it. All sizes are bytes. */
export interface BudgetLike {
  readonly name: string;
  /** Takes the bytes, or throws ERR_MEMORY_BUDGET_EXCEEDED and takes nothing. */
  reserve(bytes: number): void;
  /** Takes the bytes and returns true, or takes nothing and returns false. */
  tryReserve(bytes: number): boolean;
  /** Gives back what was taken. */
  release(bytes: number): void;
}

/** Checks that something has the methods of a budget, and returns it. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkBudget(where: string, value: unknown): BudgetLike {
  const shape = value as Partial<BudgetLike> | null | undefined;
  const methods = [shape?.reserve, shape?.tryReserve, shape?.release];
  if (methods.every((method) => typeof method === 'function')) return value as BudgetLike;
  throw memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${where}: budget must have reserve, tryReserve and release, got ${describe(value)}`,
  );
}

/** How short memory is, from nothing to the last stage before the kernel kills. */
export const PRESSURE_LEVELS = Object.freeze(['none', 'low', 'medium', 'high', 'critical'] as const);

/** How short memory is, one of {@link PRESSURE_LEVELS}. */
export type PressureLevel = (typeof PRESSURE_LEVELS)[number];

/** A pressure reading that somebody keeps up to date: asking for it is a property read and never a system call. */
export interface PressureSignal {
  readonly level: PressureLevel;
}
