/** Who holds an object, for debugging. */
export interface Borrower<T> {
  readonly object: T;
  /** The stack of the call that borrowed it. */
  readonly site: string;
}

/** The stack above a function, without its first line. Never throws: `Error.prepareStackTrace` may be anybody's. */
export function siteOf(below: unknown): string {
  try {
    const holder: { stack?: unknown } = {};
    Error.captureStackTrace(holder, typeof below === 'function' ? (below as () => void) : undefined);
    const stack = `${holder.stack}`;
    return stack.slice(stack.indexOf('\n') + 1).trim();
  } catch {
    return 'unknown';
  }
}
