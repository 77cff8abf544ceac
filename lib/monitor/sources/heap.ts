import { getHeapStatistics } from 'node:v8';
import { checkFunction, checkOptions, checkString } from '../../core';
import { PressureGauge, type PressureThresholds } from '../scale';
import { type PressureSource, type SourceReading, unavailable } from './source';

export interface HeapSourceOptions {
  readonly name?: string;
  /** Share of V8's heap limit in use. Default: low 0.7, medium 0.8, high 0.9, critical 0.95. */
  readonly thresholds?: PressureThresholds;
  /** For tests. Default: `v8.getHeapStatistics`. */
  readonly statistics?: () => { readonly used_heap_size: number; readonly heap_size_limit: number };
}

/** V8's heap of this thread against its limit (`--max-old-space-size`). What is not collected yet counts as used. */
export class HeapSource implements PressureSource {
  readonly name: string;
  private readonly gauge: PressureGauge;
  private readonly statistics: NonNullable<HeapSourceOptions['statistics']>;

  constructor(options?: HeapSourceOptions) {
    const given = checkOptions('HeapSource', options, ['name', 'thresholds', 'statistics']);
    this.name = checkString('HeapSource: name', given.name ?? 'heap', 200);
    this.gauge = new PressureGauge('HeapSource', given.thresholds);
    this.statistics = checkFunction('HeapSource: statistics', given.statistics ?? getHeapStatistics);
  }

  stop(): void {
    this.gauge.reset();
  }

  read(): SourceReading {
    const { used_heap_size: usedBytes, heap_size_limit: limitBytes } = this.statistics();
    const value = usedBytes / limitBytes;
    if (!(limitBytes > 0 && value >= 0)) throw unavailable("V8's heap statistics make no sense");
    return {
      level: this.gauge.update(value),
      value,
      detail: `${value.toFixed(2)} of ${limitBytes} bytes of V8's heap`,
    };
  }
}
