import { splitQuantity, threeDigits } from './decimal';
import { describe } from './describe';
import { memoryError } from './errors';

/** A size: a whole number of bytes, or a string such as '64KiB', '1.5 GiB', '500MB', '4096'. */
export type ByteSize = number | string;

const UNITS: Readonly<Record<string, bigint>> = {
  '': 1n,
  B: 1n,
  KiB: 2n ** 10n,
  MiB: 2n ** 20n,
  GiB: 2n ** 30n,
  TiB: 2n ** 40n,
  PiB: 2n ** 50n,
  kB: 10n ** 3n,
  MB: 10n ** 6n,
  GB: 10n ** 9n,
  TB: 10n ** 12n,
  PB: 10n ** 15n,
};

const ACCEPTED = "a whole number of bytes or a string such as '64KiB', '2MiB', '1.5GiB' (1024) or '500MB' (1000)";
const LARGEST = Number.MAX_SAFE_INTEGER;

/** The range that parseBytes accepts. */
export interface ParseBytesOptions {
  /** Least accepted size in bytes, default 0. */
  readonly minBytes?: number;
  /** Greatest accepted size in bytes, default 2^53 - 1. */
  readonly maxBytes?: number;
}

/**
 * Reads a size. Units are binary (KiB MiB GiB TiB PiB, powers of 1024), decimal (kB MB GB TB PB, powers of 1000) or B;
 * a string without a unit counts bytes. Upper and lower case matter, so that 'mb' is never guessed.
 *
 * @param name the argument as the user knows it
 * @returns an integer from 0 to 2^53 - 1
 * @throws ERR_MEMORY_INVALID_ARGUMENT for another form or a fraction of a byte, ERR_MEMORY_OUT_OF_RANGE for negative,
 *   too small or too large sizes
 */
export function parseBytes(value: ByteSize, name: string = 'size', options: ParseBytesOptions = {}): number {
  const bytes = typeof value === 'number' ? fromNumber(value, name) : fromText(value, name);
  const { minBytes = 0, maxBytes = LARGEST } = options;
  if (bytes < minBytes || bytes > maxBytes) {
    const limitBytes = bytes < minBytes ? minBytes : maxBytes;
    throw memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `${name} must be from ${minBytes} to ${maxBytes} bytes, got ${bytes} bytes`,
      { requestedBytes: bytes, limitBytes },
    );
  }
  return bytes;
}

function fromNumber(value: number, name: string): number {
  if (Number.isNaN(value)) throw malformed(value, name);
  if (value < 0 || value > LARGEST) throw outOfRange(value, name);
  if (!Number.isInteger(value)) {
    throw malformed(value, name, `Use a whole number of bytes, such as ${Math.ceil(value)}.`);
  }
  return value === 0 ? 0 : value;
}

function fromText(value: unknown, name: string): number {
  if (typeof value !== 'string') throw malformed(value, name);
  const quantity = splitQuantity(value);
  if (quantity === null) throw malformed(value, name);
  const unit = Object.hasOwn(UNITS, quantity.unit) ? UNITS[quantity.unit] : undefined;
  if (unit === undefined) throw malformed(value, name, suggestUnit(value, quantity.unit));
  const scale = 10n ** BigInt(quantity.places);
  const scaled = quantity.digits * unit;
  if (quantity.negative && scaled !== 0n) throw outOfRange(value, name);
  if (scaled % scale !== 0n) throw malformed(value, name, `It is no whole number of bytes; ${scaled / scale} is near.`);
  const bytes = scaled / scale;
  if (bytes > BigInt(LARGEST)) throw outOfRange(value, name);
  return Number(bytes);
}

/** 'mb' could be MB or MiB, 'k' kB or KiB: both are named and none is chosen. */
function suggestUnit(text: string, unit: string): string {
  const letter = (unit[0] ?? '').toUpperCase();
  const near = Object.keys(UNITS).filter((known) => known.length > 1 && known[0]?.toUpperCase() === letter);
  if (near.length === 0) return 'Units are B, KiB, MiB, GiB, TiB, PiB and kB, MB, GB, TB, PB.';
  const amount = text
    .trim()
    .slice(0, 40)
    .replace(/\s*[A-Za-z]+$/, '');
  return `Did you mean ${near.map((known) => `'${amount}${known}'`).join(' (1024) or ')} (1000)?`;
}

function malformed(value: unknown, name: string, hint?: string): Error {
  const text = `${name} must be ${ACCEPTED}, got ${describe(value)}`;
  return memoryError('ERR_MEMORY_INVALID_ARGUMENT', hint === undefined ? text : `${text}. ${hint}`, { hint });
}

function outOfRange(value: unknown, name: string): Error {
  const text = `${name} must be from 0 to ${LARGEST} bytes, got ${describe(value)}`;
  return memoryError('ERR_MEMORY_OUT_OF_RANGE', text, { limitBytes: LARGEST });
}

const STEPS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/**
 * A size for people: three significant digits and a binary unit, '64 KiB', '1.50 GiB' when rounded, '1.5 GiB' when exact,
 * '-2 MiB' for differences. The text can be read back by {@link parseBytes} where the rounded value is whole.
 */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return `${bytes} B`;
  let step = 0;
  let value = bytes;
  // 1023.6 KiB would round to 1024 KiB: it is 1 MiB. Bytes are whole.
  while (step < STEPS.length - 1 && Math.abs(step === 0 ? value : Math.round(value)) >= 1024) {
    value /= 1024;
    step++;
  }
  return `${threeDigits(value)} ${STEPS[step] ?? 'B'}`;
}
