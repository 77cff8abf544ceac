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

/** A budget's use against its limit. */
export class BudgetSource implements PressureSource {
  readonly name: string;
  private readonly budget: BudgetUsage;
  private readonly gauge: PressureGauge;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT */
  constructor(budget: BudgetUsage, options?: BudgetSourceOptions) {
    const shape = budget as Partial<BudgetUsage> | null | undefined;
    if (typeof shape?.usedBytes !== 'number' || typeof shape.limitBytes !== 'number') {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `BudgetSource: a budget must have usedBytes and limitBytes, got ${describe(budget)}`,
      );
    }
    const given = checkOptions('BudgetSource', options, ['name', 'thresholds']);
    this.name = checkString('BudgetSource: name', given.name ?? `budget ${String(budget.name)}`, 220);
    this.gauge = new PressureGauge('BudgetSource', given.thresholds);
    this.budget = budget;
  }

  read(): SourceReading {
    const { usedBytes, limitBytes } = this.budget;
    const value = usedBytes / limitBytes;
    if (!(limitBytes > 0 && value >= 0)) throw unavailable(`it tells ${usedBytes} of ${limitBytes} bytes`);
    return { level: this.gauge.update(value), value, detail: `${value.toFixed(2)} of ${limitBytes} bytes` };
  }
}
