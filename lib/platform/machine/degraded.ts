/** One thing that could not be read: which field is less than it could be, why, and what would help. */
export interface Degraded {
  readonly field: string;
  readonly reason: string;
  /** What to do about it; null when nothing can be done on this machine. */
  readonly fix: string | null;
}

/** Collects what could not be read, each field once. */
export class DegradedList {
  readonly #entries = new Map<string, Degraded>();

  add(field: string, reason: string, fix: string | null = null): void {
    if (!this.#entries.has(field)) this.#entries.set(field, { field, reason, fix });
  }

  toArray(): Degraded[] {
    return [...this.#entries.values()];
  }
}
