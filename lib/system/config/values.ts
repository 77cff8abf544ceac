import {
  checkBoolean,
  checkInteger,
  checkNumber,
  checkOneOf,
  formatBytes,
  formatDuration,
  memoryError,
  parseBytes,
  parseDuration,
} from '../../core';
import type { ConfigField } from './table';

/** The value of a field: numbers of bytes, of milliseconds, ratios, words. */
export type Scalar = number | string | boolean;

/**
 * Reads a value as code and files give it.
 *
 * @param name the field as the user knows it
 * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE
 */
export function readValue(field: ConfigField, raw: unknown, name: string): Scalar {
  if (field.word !== null && raw === field.word) return field.word;
  const value = readPlain(field, raw, name);
  const { multipleOf } = field;
  if (multipleOf === null || (value as number) % multipleOf === 0) return value;
  throw memoryError(
    'ERR_MEMORY_OUT_OF_RANGE',
    `${name} must be a multiple of ${multipleOf} ${field.unit}, got ${value}`,
  );
}

function readPlain(field: ConfigField, raw: unknown, name: string): Scalar {
  const { min, max, word, choices } = field;
  const least = min ?? 0;
  const most = max ?? Number.MAX_SAFE_INTEGER;
  try {
    switch (field.type) {
      case 'bytes':
        return parseBytes(raw as number, name, { minBytes: least, maxBytes: most });
      case 'duration':
        return checkNumber(name, parseDuration(raw as number, name), least, most);
      case 'ratio':
        return checkNumber(name, fromPercent(raw), least, most);
      case 'integer':
        return checkListed(choices, checkInteger(name, raw, least, most), name);
      case 'number':
        return checkNumber(name, raw, least, most);
      case 'boolean':
        return checkBoolean(name, raw);
      case 'choice':
        return checkOneOf(name, raw, choices as readonly string[]);
    }
  } catch (error) {
    if (word === null || typeof raw === 'number') throw error;
    const { message } = error as Error;
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', message.replace(' must be ', ` must be '${word}' or `), {
      cause: error,
    });
  }
}

function checkListed(choices: readonly (string | number)[], value: number, name: string): number {
  if (choices.length === 0 || choices.includes(value)) return value;
  throw memoryError('ERR_MEMORY_OUT_OF_RANGE', `${name} must be one of ${choices.join(', ')}, got ${value}`);
}

function fromPercent(raw: unknown): unknown {
  const match = typeof raw === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(raw) : null;
  return match === null ? raw : Number(`${match[1]}`) / 100;
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  ...{ true: true, yes: true, on: true, 1: true },
  ...{ false: false, no: false, off: false, 0: false },
};

/** Reads the text of a variable. @throws as {@link readValue} */
export function readText(field: ConfigField, text: string, name: string): Scalar {
  const word = text.trim();
  if (field.type === 'boolean') {
    const value = Object.hasOwn(BOOLEANS, word.toLowerCase()) ? BOOLEANS[word.toLowerCase()] : undefined;
    return readValue(field, value ?? word, name);
  }
  const isNumeric = field.type === 'integer' || field.type === 'number' || field.type === 'ratio';
  const number = isNumeric && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(word) ? Number(word) : word;
  return readValue(field, number, name);
}

/** A value for people, in the field's unit. */
export function formatValue(field: ConfigField, value: Scalar, exact: boolean = false): string {
  if (typeof value !== 'number') return String(value);
  if (field.type === 'bytes') return exact ? String(value) : formatBytes(value);
  if (field.type === 'duration') return exact ? String(value) : formatDuration(value);
  return String(value);
}

/** What a field accepts, for people. */
export function formatRange(field: ConfigField): string {
  const { min, max, word, multipleOf } = field;
  const parts: string[] = [];
  if (field.choices.length > 0) parts.push(field.choices.join(', '));
  else if (field.type === 'boolean') parts.push('true or false');
  else if (max !== null) parts.push(`${formatValue(field, min ?? 0)} to ${formatValue(field, max)}`);
  else parts.push(`${formatValue(field, min ?? 0)} or more`);
  if (multipleOf !== null) parts.push(`a multiple of ${formatValue(field, multipleOf)}`);
  return word === null ? parts.join(', ') : `${parts.join(', ')}, or ${word}`;
}
