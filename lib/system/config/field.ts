import type { ByteSize, Duration } from '../../core';

/** How a value is written and read. Bytes and durations are numbers or strings with a unit, ratios 0 to 1 or '80%'. */
export type FieldType = 'bytes' | 'duration' | 'ratio' | 'integer' | 'number' | 'boolean' | 'choice';

/** One setting. `T` is the value, `I` what may stand for it in code. */
export interface Field<T = unknown, I = unknown> {
  readonly type: FieldType;
  readonly help: string;
  /** What counts unless a preset, code, a file or the environment says otherwise. */
  readonly fallback: T;
  /** Least and greatest value, in the field's unit; null where there is none. */
  readonly min: number | null;
  readonly max: number | null;
  readonly multipleOf: number | null;
  /** The only words of a choice, or the only numbers of an integer. */
  readonly choices: readonly (string | number)[];
  /** A word that may stand in place of a number, such as `none`. */
  readonly word: string | null;
  /** What an integer counts. */
  readonly unit: string;
  /** Null: a change is taken over while the service runs. Else the reason why it needs a restart. */
  readonly restart: string | null;
  /** Only for the types. */
  readonly input?: I;
}

interface Common {
  readonly help: string;
  /** Default: a change is taken over by what is made from then on. */
  readonly restart?: string;
}

interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

interface Parts extends Common, Bounds {
  readonly multipleOf?: number;
  readonly choices?: readonly (string | number)[];
  readonly word?: string;
  readonly unit?: string;
}

function make<T, I>(type: FieldType, fallback: T, unit: string, parts: Parts): Field<T, I> {
  const { help, min = null, max = null, multipleOf = null, choices = [], word = null, restart = null } = parts;
  return Object.freeze({ type, help, fallback, min, max, multipleOf, choices, word, unit, restart });
}

export function bytes(fallback: number, parts: Common & Bounds & { multipleOf?: number }): Field<number, ByteSize> {
  return make('bytes', fallback, 'bytes', { min: 0, ...parts });
}

export function bytesOr<const W extends string>(
  word: W,
  fallback: number | W,
  parts: Common & Bounds,
): Field<number | W, ByteSize> {
  return make('bytes', fallback, 'bytes', { min: 0, ...parts, word });
}

export function duration(fallback: number, parts: Common & Bounds): Field<number, Duration> {
  return make('duration', fallback, 'ms', { min: 0, ...parts });
}

export function durationOr<const W extends string>(
  word: W,
  fallback: number | W,
  parts: Common & Bounds,
): Field<number | W, Duration> {
  return make('duration', fallback, 'ms', { min: 0, ...parts, word });
}

export function ratio(fallback: number, parts: Common & Bounds): Field<number, number | `${number}%`> {
  return make('ratio', fallback, '0 to 1', { min: 0, max: 1, ...parts });
}

export function integer(
  fallback: number,
  parts: Common & Bounds & { unit: string; choices?: readonly number[] },
): Field<number, number> {
  return make('integer', fallback, parts.unit, { min: 0, ...parts });
}

export function integerOr<const W extends string>(
  word: W,
  fallback: number | W,
  parts: Common & Bounds & { unit: string },
): Field<number | W, number | W> {
  return make('integer', fallback, parts.unit, { min: 0, ...parts, word });
}

export function decimal(fallback: number, parts: Common & Required<Bounds> & { unit: string }): Field<number, number> {
  return make('number', fallback, parts.unit, parts);
}

export function flag(fallback: boolean, parts: Common): Field<boolean, boolean> {
  return make('boolean', fallback, 'true or false', parts);
}

export function choice<const C extends string>(
  choices: readonly C[],
  fallback: NoInfer<C>,
  parts: Common,
): Field<C, C> {
  return make('choice', fallback, 'word', { ...parts, choices });
}
