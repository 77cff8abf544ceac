import type { Facts } from './facts';
import { FEATURE_CHECKS } from './feature-checks';
import type { Check, Finding, SizeText } from './finding';
import { KERNEL_CHECKS } from './kernel-checks';
import { LIMIT_CHECKS } from './limit-checks';

export const CHECKS: readonly Check[] = [...LIMIT_CHECKS, ...KERNEL_CHECKS, ...FEATURE_CHECKS];

export interface Diagnosis {
  readonly findings: readonly Finding[];
  /** Ids of the checks that could not be made here. */
  readonly skipped: readonly string[];
}

/** Runs every check. Pure: the same facts give the same findings. */
export function diagnose(facts: Facts, size: SizeText): Diagnosis {
  const findings: Finding[] = [];
  const skipped: string[] = [];
  for (const check of CHECKS) {
    const verdict = check.run(facts, size);
    if (verdict === null) skipped.push(check.id);
    else findings.push({ id: check.id, title: check.title, ...verdict });
  }
  return { findings, skipped };
}

/** True when a finding is as bad as the level. */
export function failsOn({ findings }: Diagnosis, level: 'warn' | 'error'): boolean {
  return findings.some(({ status }) => status === 'fail' || (level === 'warn' && status === 'warn'));
}
