import type { Facts } from './facts';

export type Status = 'ok' | 'info' | 'warn' | 'fail';

export interface Verdict {
  readonly status: Status;
  /** What was seen, with its numbers. */
  readonly evidence: string;
  /** The exact command or setting that helps; null when nothing needs help. */
  readonly fix: string | null;
}

export interface Finding extends Verdict {
  /** Stable: the name in JSON, and the heading in docs/cli.md. */
  readonly id: string;
  readonly title: string;
}

/** Sizes are written as the view says, so that --bytes holds for evidence as well. */
export type SizeText = (bytes: number | null) => string;

export interface Check {
  readonly id: string;
  readonly title: string;
  /** Null: this cannot be checked here, such as the process of a copied machine. */
  run(facts: Facts, size: SizeText): Verdict | null;
}

export function ok(evidence: string): Verdict {
  return { status: 'ok', evidence, fix: null };
}

export function info(evidence: string, fix: string | null = null): Verdict {
  return { status: 'info', evidence, fix };
}

export function warn(evidence: string, fix: string | null): Verdict {
  return { status: 'warn', evidence, fix };
}

export function fail(evidence: string, fix: string | null): Verdict {
  return { status: 'fail', evidence, fix };
}
