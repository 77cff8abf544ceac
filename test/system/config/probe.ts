import type { ConfigInput, MemoryConfig } from '../../../lib/system/config';

/** How one field is set, and where it shows in something that runs. */
export interface Probe {
  readonly sample: number | string | boolean;
  /** What else must be set for it to matter. */
  readonly beside?: ConfigInput;
  /** Makes what reads the field and looks at it from outside. */
  readonly see: (config: MemoryConfig) => unknown;
  readonly seen: unknown;
}
