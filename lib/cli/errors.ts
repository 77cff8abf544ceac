import { isMemoryError } from '../core';

/** Wrong usage: exit code 2. */
export class UsageError extends Error {
  /** What `--help` to point to. */
  readonly command: string | undefined;

  constructor(message: string, command?: string) {
    super(message);
    this.name = 'UsageError';
    this.command = command;
  }
}

/** What was asked for cannot be had on this machine: exit code 4. */
export class UnsupportedError extends Error {
  readonly fix: string;

  constructor(message: string, fix: string = '') {
    super(message);
    this.name = 'UnsupportedError';
    this.fix = fix;
  }
}

export interface Explained {
  readonly reason: string;
  readonly fix: string | null;
  readonly unsupported: boolean;
}

/** Any thrown value as a reason and what would help. */
export function explainError(error: unknown): Explained {
  if (isMemoryError(error)) {
    return { reason: error.message, fix: error.hint ?? null, unsupported: error.category === 'unsupported' };
  }
  return { reason: error instanceof Error ? error.message : String(error), fix: null, unsupported: false };
}
