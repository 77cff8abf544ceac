import { type ErrorCode, type MemoryError, memoryError, printable } from '../../core';
import type { ConfigPath } from './table';

/** Where a value was said. */
export type ConfigSource =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly file: string; readonly line: number | null }
  | { readonly kind: 'code' }
  | { readonly kind: 'preset'; readonly name: string }
  | { readonly kind: 'default' };

export const CODE: ConfigSource = Object.freeze({ kind: 'code' });
export const DEFAULT: ConfigSource = Object.freeze({ kind: 'default' });

/** A source in a few words: a variable's name, `memory.toml:12`, `code`, `preset debug`, `default`. */
export function formatSource(source: ConfigSource): string {
  switch (source.kind) {
    case 'env':
      return printable(source.name);
    case 'file':
      return printable(source.line === null ? source.file : `${source.file}:${source.line}`);
    case 'preset':
      return `preset ${source.name}`;
    default:
      return source.kind;
  }
}

export type ConfigProblemKind =
  | 'unknown-key'
  | 'bad-value'
  | 'contradiction'
  | 'malformed'
  | 'unreadable'
  | 'too-large';

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  readonly kind: ConfigProblemKind;
  readonly source: ConfigSource;
  /** The field it is about, where it is about one. */
  readonly path: ConfigPath | null;
  /** One sentence, with the values. */
  readonly message: string;
  readonly hint?: string | undefined;
  readonly code: ErrorCode;
  /** Of a file that cannot be read. */
  readonly errno?: number | undefined;
  readonly syscall?: string | undefined;
  readonly requestedBytes?: number | undefined;
  readonly limitBytes?: number | undefined;
}

type Details = Pick<ConfigProblem, 'hint' | 'errno' | 'syscall' | 'requestedBytes' | 'limitBytes'> & {
  readonly path?: ConfigPath | null;
  readonly code?: ErrorCode;
};

export function problem(
  kind: ConfigProblemKind,
  source: ConfigSource,
  message: string,
  details: Details = {},
): ConfigProblem {
  return Object.freeze({
    path: null,
    code: 'ERR_MEMORY_CONFIG',
    ...details,
    kind,
    source,
    message: printable(message),
  });
}

function toError(one: ConfigProblem): MemoryError {
  const { hint, errno, syscall, requestedBytes, limitBytes } = one;
  return memoryError(one.code, `${formatSource(one.source)}: ${one.message}`, {
    ...{ hint, errno, syscall, requestedBytes, limitBytes },
    source: formatSource(one.source),
  });
}

/**
 * All problems as one error. A single one keeps its facts; of several the message lists all, and `cause` is an
 * AggregateError of an error for each.
 */
export function configError(problems: readonly ConfigProblem[]): MemoryError {
  const errors = problems.map(toError);
  const [first] = errors;
  if (first !== undefined && errors.length === 1) return first;
  const lines = problems.map((one) => `\n  ${formatSource(one.source)}: ${one.message}`);
  return memoryError('ERR_MEMORY_CONFIG', `the configuration has ${problems.length} problems:${lines.join('')}`, {
    cause: new AggregateError(errors, `${problems.length} problems`),
    hint: "Every name and what it takes: 'nebula-memory config --explain FIELD', or docs/config.md.",
  });
}
