/** What a stray write hit. Positions count from the first byte of the user's block: below 0 is in front of it. */
export interface Damage {
  readonly kind: 'before' | 'after' | 'freed';
  /** Offset and size of the block as the user knows them. */
  readonly offset: number;
  readonly byteLength: number;
  readonly position: number;
  readonly expected: number;
  readonly found: number;
}

/** A block with its guards: `front` bytes before it and `rear` bytes behind it. */
export interface GuardedBlock {
  readonly offset: number;
  readonly byteLength: number;
  readonly front: number;
  readonly rear: number;
}

const CANARY = 0xb5;

/** Differs from byte to byte and from block to block, so that a guard copied over another one is noticed. */
function canaryAt(offset: number): number {
  return CANARY ^ (offset & 0xff);
}

/** Writes both guards. `bytes` spans them and the block. */
export function paintGuards(bytes: Uint8Array, { offset, byteLength, front, rear }: GuardedBlock): void {
  const start = offset - front;
  for (let at = 0; at < front; at++) bytes[at] = canaryAt(start + at);
  for (let at = front + byteLength; at < front + byteLength + rear; at++) bytes[at] = canaryAt(start + at);
}

/** The first damaged byte of the guards, and of the block itself where it was filled when it was freed; or null. */
export function findDamage(bytes: Uint8Array, block: GuardedBlock, freedFill: number | null): Damage | null {
  const { offset, byteLength, front, rear } = block;
  const start = offset - front;
  const damage = (kind: Damage['kind'], at: number, expected: number): Damage => {
    return { kind, offset, byteLength, position: at - front, expected, found: bytes[at] ?? 0 };
  };
  for (let at = 0; at < front; at++) {
    if (bytes[at] !== canaryAt(start + at)) return damage('before', at, canaryAt(start + at));
  }
  for (let at = front + byteLength; at < front + byteLength + rear; at++) {
    if (bytes[at] !== canaryAt(start + at)) return damage('after', at, canaryAt(start + at));
  }
  if (freedFill === null) return null;
  for (let at = front; at < front + byteLength; at++) {
    if (bytes[at] !== freedFill) return damage('freed', at, freedFill);
  }
  return null;
}

/** One line about a damage. */
export function describeDamage({ kind, offset, byteLength, position, expected, found }: Damage): string {
  const block = `the block at ${offset} of ${byteLength} bytes`;
  const bytes = `found ${hex(found)}, expected ${hex(expected)}`;
  if (kind === 'freed') return `byte ${position} of ${block} was written after it was freed: ${bytes}`;
  const place = kind === 'before' ? `${-position} in front of` : `${position - byteLength + 1} past the end of`;
  return `a byte ${place} ${block} was overwritten (position ${position}): ${bytes}`;
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}
