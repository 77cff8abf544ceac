/** What console.log and util.inspect ask an object for. */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never;
