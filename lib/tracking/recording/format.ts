// RMM's event log: `Thread,Time,Action,Pointer,Size,Stream`. Its readers, rapidcsv and pandas, take columns by name and
// know three actions, so what they cannot hold stands in two more columns behind theirs, and rows that are no event are
// frees of the null pointer, as in C.

export const COLUMNS = ['Thread', 'Time', 'Action', 'Pointer', 'Size', 'Stream'] as const;
export const EXTRA_COLUMNS = ['Alignment', 'Note'] as const;

export type RecordedAction = 'allocate' | 'allocate failure' | 'free';

/** Added to offsets, so that no block has the null pointer: keeps alignments, since it is a page. */
export const POINTER_BASE = 4096;

/** What a row of this package means beyond its action. */
export type NoteKind = 'start' | 'end' | 'reset' | 'by-reset';

export type NoteFacts = Readonly<Record<string, string | number>>;

/** `start;allocator=BumpAllocator;capacity=65536`: never a comma, a quote or a line break. */
export function writeNote(kind: NoteKind, facts: NoteFacts = {}): string {
  const parts = Object.entries(facts).map(([key, value]) => `${key}=${String(value).replaceAll(/[,;="\r\n]/g, '_')}`);
  return [kind, ...parts].join(';');
}

export function readNote(note: string): { readonly kind: string; readonly facts: Readonly<Record<string, string>> } {
  const [kind = '', ...parts] = note.split(';');
  const facts: Record<string, string> = {};
  for (const part of parts) {
    const at = part.indexOf('=');
    if (at > 0) facts[part.slice(0, at)] = part.slice(at + 1);
  }
  return { kind, facts };
}

let cachedMs = -1;
let cachedText = '';

/** `14:21:19.998533`: the time of day in UTC with microseconds, from milliseconds since 1970. */
export function formatTime(epochMs: number): string {
  const whole = Math.floor(epochMs);
  if (whole !== cachedMs) {
    cachedText = new Date(whole).toISOString().slice(11, 23);
    cachedMs = whole;
  }
  const micros = Math.floor((epochMs - whole) * 1000);
  return `${cachedText}${micros < 10 ? '00' : micros < 100 ? '0' : ''}${micros}`;
}

/** The pointer of an offset; of no block at all `0x0`. */
export function formatPointer(offset: number | null): string {
  return offset === null ? '0x0' : `0x${(offset + POINTER_BASE).toString(16)}`;
}
