const MAX_TEXT = 60;

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
}

/**
 * A short text of any value for an error message. Never throws and never runs the value's own code:
 * proxies, revoked proxies and objects with a throwing `toString` are named by their type alone.
 */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return cut(JSON.stringify(value.slice(0, MAX_TEXT + 1)));
    case 'number':
      return Object.is(value, -0) ? '-0' : `${value}`;
    case 'bigint':
      return describeBigInt(value);
    case 'boolean':
    case 'undefined':
      return `${value}`;
    case 'symbol':
      return cut(Symbol.prototype.toString.call(value));
    case 'function':
      return 'a function';
    case 'object':
      return describeObject(value);
    default:
      return 'a value of unknown type';
  }
}

function describeBigInt(value: bigint): string {
  // Printing a bigint of a million digits costs seconds.
  const tooLong = value > 2n ** 192n || value < -(2n ** 192n);
  return tooLong ? 'a very large bigint' : `${value}n`;
}

function describeObject(value: object | null): string {
  if (value === null) return 'null';
  try {
    if (Array.isArray(value)) return 'an array';
  } catch {
    return 'a revoked proxy';
  }
  return 'an object';
}
