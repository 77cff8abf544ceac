import type { Host } from './host';
import { explainNulls, type Unknown } from './unknown';

/** Grows only when a key goes away or changes its meaning; new keys do not count. */
export const SCHEMA_VERSION = 1;

/** The word for a limit that is not set: null is kept for what is not known. */
export const UNLIMITED = 'unlimited';

export function orUnlimited(value: number | null): number | typeof UNLIMITED {
  return value ?? UNLIMITED;
}

/** Wraps the parts of a report in what every report has, with a reason for every null in it. */
export function toReport(host: Host, degraded: readonly Unknown[], parts: object, generatedAt: Date): string {
  const explained = explainNulls({ host, ...parts }, degraded);
  const report = {
    schemaVersion: SCHEMA_VERSION,
    generatedAt: generatedAt.toISOString(),
    host,
    degraded: explained,
    ...parts,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
