import { checkOptions, checkString, describe, memoryError } from '../../core';
import { PressureGauge, type PressureThresholds } from '../scale';
import { type PressureSource, type SourceReading, unavailable } from './source';

/** What is looked at of a budget: MemoryBudget has it, and so has anything else with a limit. Bytes. */
export interface BudgetUsage {
  readonly name: string;
  readonly usedBytes: number;
  readonly limitBytes: number;
}

export interface BudgetSourceOptions {
  /** Default: `budget NAME`. */
  readonly name?: string;
  /** Share of the limit in use. Default: low 0.7, medium 0.8, high 0.9, critical 0.95. */
  readonly thresholds?: PressureThresholds;
}

const LONGEST_NAME = 220;

/** A budget's use against its limit. */
export class BudgetSource implements PressureSource {
  readonly name: string;
  private readonly budget: BudgetUsage;
  private readonly gauge: PressureGauge;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT */
  constructor(budget: BudgetUsage, options?: BudgetSourceOptions) {
    if (!isBudget(budget)) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `BudgetSource: a budget must have usedBytes and limitBytes, got ${describe(budget)}`,
      );
    }
    const given = checkOptions('BudgetSource', options, ['name', 'thresholds']);
    this.name = checkString('BudgetSource: name', given.name ?? `budget ${nameOf(budget)}`, LONGEST_NAME);
    this.gauge = new PressureGauge('BudgetSource', given.thresholds);
    this.budget = budget;
  }

  stop(): void {
    this.gauge.reset();
  }

  read(): SourceReading {
    const { usedBytes, limitBytes } = this.budget;
    const value = usedBytes / limitBytes;
    if (!(limitBytes > 0 && value >= 0)) throw unavailable(`it tells ${usedBytes} of ${limitBytes} bytes`);
    return { level: this.gauge.update(value), value, detail: `${value.toFixed(2)} of ${limitBytes} bytes` };
  }
}

function isBudget(budget: unknown): boolean {
  try {
    const { usedBytes, limitBytes } = (budget ?? {}) as Partial<BudgetUsage>;
    return typeof usedBytes === 'number' && typeof limitBytes === 'number';
  } catch {
    return false;
  }
}

/** Names of budgets far down a tree are long: their end tells more. */
function nameOf(budget: BudgetUsage): string {
  try {
    const name: unknown = budget.name;
    if (typeof name !== 'string') return 'unnamed';
    const most = LONGEST_NAME - 'budget '.length;
    return name.length <= most ? name : `…${name.slice(1 - most)}`;
  } catch {
    return 'unnamed';
  }
}
