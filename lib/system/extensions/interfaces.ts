import { checkFunction, describe, memoryError } from '../../core';

/** Where a system tells what happens; shaped as pino's: fields first, then the words. */
export interface Logger {
  debug?(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Where a system's numbers go. Names are the same at every call; labels are few and short. */
export interface MetricsSink {
  /** A counter grew by `delta`. */
  counter(name: string, delta: number, labels: Readonly<Record<string, string>>): void;
  /** A gauge stands at `value`. */
  gauge(name: string, value: number, labels: Readonly<Record<string, string>>): void;
}

/** How a snapshot is written and read back. */
export interface Serializer {
  readonly name: string;
  serialize(value: unknown): string | Uint8Array;
  deserialize(data: string | Uint8Array): unknown;
}

/** JSON text. */
export const JSON_SERIALIZER: Serializer = Object.freeze({
  name: 'json',
  serialize: (value: unknown) => JSON.stringify(value),
  deserialize: (data: string | Uint8Array) =>
    JSON.parse(typeof data === 'string' ? data : Buffer.from(data).toString('utf8')) as unknown,
});

function checkShape<T>(where: string, value: T, methods: readonly string[]): T {
  if (typeof value !== 'object' || value === null) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where} must be an object, got ${describe(value)}`);
  }
  for (const method of methods) checkFunction(`${where}.${method}`, (value as Record<string, unknown>)[method]);
  return value;
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkLogger(where: string, logger: Logger): Logger {
  return checkShape(where, logger, ['info', 'warn', 'error']);
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkSink(where: string, sink: MetricsSink): MetricsSink {
  return checkShape(where, sink, ['counter', 'gauge']);
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkSerializer(where: string, serializer: Serializer): Serializer {
  return checkShape(where, serializer, ['serialize', 'deserialize']);
}
