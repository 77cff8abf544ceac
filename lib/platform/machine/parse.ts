const MAX_LIST = 1 << 20; // a kernel has at most 8192 CPUs; a broken file must not fill the memory

/**
 * Reads a kernel list such as `0-3,8`, in ascending order without repeats. Empty text is the empty list.
 * Null for any other form.
 */
export function parseList(text: string): number[] | null {
  const trimmed = text.trim();
  if (trimmed === '') return [];
  const found = new Set<number>();
  for (const part of trimmed.split(',')) {
    const match = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part);
    if (match === null) return null;
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    if (last < first || last >= MAX_LIST) return null;
    for (let id = first; id <= last; id++) found.add(id);
  }
  return [...found].sort((a, b) => a - b);
}

/** Reads a kernel bit mask: hexadecimal words of 32 bits, the highest first, parted by commas. Null for any other form. */
export function parseMask(text: string): number[] | null {
  const words = text.trim().split(',').reverse();
  const found: number[] = [];
  for (const [index, word] of words.entries()) {
    // One single word may be wider than 32 bits.
    if (!/^[0-9a-f]{1,32}$/i.test(word) || (words.length > 1 && word.length > 8)) return null;
    const bits = BigInt(`0x${word}`);
    for (let bit = 0; bit < word.length * 4; bit++) {
      if ((bits >> BigInt(bit)) & 1n) found.push(index * 32 + bit);
    }
  }
  return found;
}

/** A non-negative whole number; null for any other text. Beyond 2^53 it is rounded. */
export function parseCount(text: string | null): number | null {
  const trimmed = text?.trim() ?? '';
  return /^\d+$/.test(trimmed) ? Number(trimmed) : null;
}

/** A size as sysfs writes it: `49152`, `48K`, `2M`, in bytes. */
export function parseSize(text: string | null): number | null {
  const match = /^(\d+)([KMG]?)B?$/.exec(text?.trim() ?? '');
  if (match === null) return null;
  const factor = { K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[match[2] ?? ''] ?? 1;
  return Number(match[1]) * factor;
}

/**
 * Reads lines of key and number, such as meminfo (`MemTotal: 5 kB`), status and memory.stat (`anon 5`).
 * Values in kB become bytes. Lines whose value is no number are left out.
 */
export function parseKeyed(text: string | null): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of (text ?? '').split('\n')) {
    const match = /^\s*([^\s:]+)(?::\s*|\s+)(\d+)(?:\s+(kB))?\s*$/.exec(line);
    if (match?.[1] === undefined) continue;
    values.set(match[1], Number(match[2]) * (match[3] === undefined ? 1 : 1024));
  }
  return values;
}

/** The value of one `Key: value` line, as text. */
export function findField(text: string | null, key: string): string | null {
  for (const line of (text ?? '').split('\n')) {
    if (line.startsWith(key) && line[key.length] === ':') return line.slice(key.length + 1).trim();
  }
  return null;
}

/** The chosen word of a sysfs choice such as `always [madvise] never`; a single plain word is itself the choice. */
export function parseChoice(text: string | null): string | null {
  const trimmed = text?.trim() ?? '';
  const chosen = /\[([^\]]+)\]/.exec(trimmed)?.[1];
  if (chosen !== undefined) return chosen;
  return /^\S+$/.test(trimmed) ? trimmed : null;
}

/** The numbers N of the names `<prefix>N`, ascending. */
export function numbered(names: readonly string[], prefix: string): number[] {
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => a - b);
}
