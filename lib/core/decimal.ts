/** A plain decimal number, kept exact: `digits` / 10^`places`. */
export interface Decimal {
  readonly negative: boolean;
  readonly digits: bigint;
  readonly places: number;
  readonly unit: string;
}

// Bounded digits keep hostile strings cheap; 2^53 has 16 digits.
const QUANTITY = /^\s*([+-]?)(\d{1,30})(?:\.(\d{1,30}))?\s*([A-Za-z]{0,12})\s*$/;

/** Splits '1.5 GiB' into number and unit; null for any other form. */
export function splitQuantity(text: string): Decimal | null {
  if (text.length > 100) return null;
  const match = QUANTITY.exec(text);
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = '', unit = ''] = match;
  return { negative: sign === '-', digits: BigInt(whole + fraction), places: fraction.length, unit };
}

/** Three significant digits; an exact value drops its trailing zeros: 64, 1.5, 0.333, 12.0 (for 11.96). */
export function threeDigits(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 100) return String(Math.round(value));
  const text = value.toPrecision(3);
  return Number(text) === value ? String(value) : text;
}
