import { describe, isPowerOfTwo, memoryError } from '../../core';
import { COLUMNS, readNote } from './format';

/** Statistics of a run, as a recorder writes them into its last line. Bytes with the allocator's own rounding. */
export interface RunStatistics {
  readonly allocations: number;
  readonly deallocations: number;
  readonly failures: number;
  readonly resets: number;
  readonly live: number;
  readonly used: number;
  readonly peak: number;
}

/** Those that an allocator with `stats: false` leaves at 0. */
export const COUNTED_KEYS: readonly (keyof RunStatistics)[] = ['allocations', 'deallocations', 'failures', 'resets'];
export const RUN_KEYS = ['allocations', 'deallocations', 'failures', 'resets', 'live', 'used', 'peak'] as const;

/** What was recorded with, where the log says so. */
export interface RecordedAllocator {
  readonly className: string;
  readonly capacityBytes: number | null;
  /** Of a BlockAllocator. */
  readonly blockBytes: number | null;
  readonly blockAlignment: number | null;
  /** Classes of the adaptors between the recorder and the allocator, from the outside in. */
  readonly adaptors: readonly string[];
  /** False where operations were not counted (`stats: false`). */
  readonly counting: boolean;
  /** Whether it was unused when recording began. */
  readonly fresh: boolean;
  /** How often its adaptors refused, or tried again, by themselves. 0 where the log has no last line. */
  readonly interventions: number;
  /** Everything else that the log says of it, as text. */
  readonly options: Readonly<Record<string, string>>;
}

/** A block that was not freed by the end of the log. */
export interface LoggedLeak {
  readonly pointer: string;
  readonly byteLength: number;
  /** Line of the file, from 1. */
  readonly line: number;
}

/** What the rows of a log add up to; bytes are those that were asked for. */
export interface LogSummary {
  readonly allocations: number;
  readonly deallocations: number;
  readonly failures: number;
  readonly resets: number;
  readonly threads: number;
  /** Frees of pointers that were not live. */
  readonly unknownFrees: number;
  /** Frees with another size than the allocation's. */
  readonly wrongSizes: number;
  /** Allocations at a pointer that was live: a free is missing in the log. */
  readonly lostFrees: number;
  readonly liveBytes: number;
  readonly peakBytes: number;
  /** Largest request, in bytes. */
  readonly largestBytes: number;
  /** Greatest sum of allocations between two resets, frees not counted: what a bump allocator needs. */
  readonly bumpBytes: number;
  readonly leaks: readonly LoggedLeak[];
}

/** Largest alignment of the allocators of this package. */
const MAX_ALIGNMENT = 4096;
/** As printf, C++ and RMM write the pointer of a request for nothing. */
const NULL_POINTER = /^(?:(?:0x)?0*|\(nil\)|\(null\)|null|nullptr)$/i;

export const OPERATION = { allocate: 0, failure: 1, free: 2, reset: 3 } as const;

/** A log as typed arrays, ready to be played. */
export interface EventLog {
  /** Codes of `OPERATION`. */
  readonly kinds: Uint8Array;
  /** Bytes of allocations and failures. */
  readonly sizes: Float64Array;
  /** 0 where none was asked for. */
  readonly alignments: Uint16Array;
  /** Number of the block that is allocated or freed. */
  readonly blocks: Int32Array;
  /** Blocks that are numbered in `blocks`. */
  readonly blockCount: number;
  /** What the rows add up to. */
  readonly summary: LogSummary;
  /** Null where the log does not say it. */
  readonly recordedWith: RecordedAllocator | null;
  /** Null where the log has no last line of this package: RMM's own, or a run that was cut off. */
  readonly recorded: RunStatistics | null;
}

interface Columns {
  readonly thread: number;
  readonly action: number;
  readonly pointer: number;
  readonly size: number;
  readonly alignment: number;
  readonly note: number;
}

function malformed(name: string, line: number, why: string, hint: string): Error {
  return memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${name}:${line}: ${why}`, {
    hint,
  });
}

const HEADER_HINT = `The first line must name the columns ${COLUMNS.join(',')}; more columns may follow.`;
const ROW_HINT = 'Correct the line or leave it out: each is one event, with a whole number of bytes.';

/**
 * Reads a log of RMM's format, with or without this package's own columns, in the order of its lines.
 *
 * @param name what is read, for errors
 * @throws ERR_MEMORY_INVALID_ARGUMENT with the line
 */
export function parseEventLog(text: string, name: string = 'log'): EventLog {
  if (typeof text !== 'string') {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `parseEventLog: text must be a string, got ${describe(text)}`, {
      hint: "Read the file with fs.readFileSync(path, 'utf8').",
    });
  }
  const reader = new LogReader(name);
  let columns: Columns | null = null;
  let line = 0;
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start);
    const row = text.slice(start, end === -1 ? text.length : end).trimEnd();
    start = end === -1 ? text.length : end + 1;
    line++;
    if (row === '') continue;
    if (columns === null) columns = readHeader(name, line, row);
    else reader.read(row.split(','), columns, line);
  }
  if (columns === null) throw malformed(name, 1, 'the file is empty', HEADER_HINT);
  return reader.finish();
}

function readHeader(name: string, line: number, row: string): Columns {
  const titles = row
    .replace(/^\uFEFF/, '')
    .split(',')
    .map((title) => title.trim());
  const at = (title: string): number => titles.indexOf(title);
  const missing = (['Action', 'Pointer', 'Size'] as const).find((title) => at(title) === -1);
  if (missing !== undefined) throw malformed(name, line, `no column ${missing} in ${describe(row)}`, HEADER_HINT);
  return {
    thread: at('Thread'),
    action: at('Action'),
    pointer: at('Pointer'),
    size: at('Size'),
    alignment: at('Alignment'),
    note: at('Note'),
  };
}

/** Gathers operations and what they add up to. */
class LogReader {
  private kinds: number[] = [];
  private sizes: number[] = [];
  private alignments: number[] = [];
  private blocks: number[] = [];
  private blockCount = 0;
  private readonly live = new Map<string, { block: number; byteLength: number; line: number }>();
  private readonly threads = new Set<string>();
  private readonly counts = { allocations: 0, deallocations: 0, failures: 0, resets: 0 };
  private readonly odd = { unknownFrees: 0, wrongSizes: 0, lostFrees: 0 };
  private liveBytes = 0;
  private peakBytes = 0;
  private largestBytes = 0;
  private sinceReset = 0;
  private bumpBytes = 0;
  private recordedWith: RecordedAllocator | null = null;
  private recorded: RunStatistics | null = null;
  private readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  read(cells: readonly string[], columns: Columns, line: number): void {
    const action = cells[columns.action]?.trim();
    const size = this.number(cells[columns.size], 'Size', line);
    const note = columns.note === -1 ? '' : (cells[columns.note] ?? '');
    if (note !== '' && this.readNote(note)) return;
    const pointer = cells[columns.pointer]?.trim() ?? '';
    this.threads.add(cells[columns.thread] ?? '');
    const alignmentCell = columns.alignment === -1 ? '' : (cells[columns.alignment]?.trim() ?? '');
    const alignment = alignmentCell === '' ? 0 : this.alignment(alignmentCell, line);
    if (size === 0 && NULL_POINTER.test(pointer) && this.readNothing(action)) return;
    if (action === 'allocate') this.allocate(pointer, size, alignment, line);
    else if (action === 'free' || action === 'deallocate') this.free(pointer, size);
    else if (action === 'allocate failure') {
      this.counts.failures++;
      this.push(OPERATION.failure, size, alignment, -1);
    } else {
      throw malformed(
        this.name,
        line,
        `action must be allocate, allocate failure or free, got ${describe(action)}`,
        ROW_HINT,
      );
    }
  }

  finish(): EventLog {
    const leaks = [...this.live].map(([pointer, { byteLength, line }]) => ({ pointer, byteLength, line }));
    leaks.sort((a, b) => b.byteLength - a.byteLength || a.line - b.line);
    return {
      kinds: Uint8Array.from(this.kinds),
      sizes: Float64Array.from(this.sizes),
      alignments: Uint16Array.from(this.alignments),
      blocks: Int32Array.from(this.blocks),
      blockCount: this.blockCount,
      summary: {
        ...this.counts,
        threads: this.threads.size,
        ...this.odd,
        liveBytes: this.liveBytes,
        peakBytes: this.peakBytes,
        largestBytes: this.largestBytes,
        bumpBytes: Math.max(this.bumpBytes, this.sinceReset),
        leaks,
      },
      recordedWith: this.recordedWith,
      recorded: this.recorded,
    };
  }

  private allocate(pointer: string, byteLength: number, alignment: number, line: number): void {
    const before = this.live.get(pointer);
    if (before !== undefined) {
      this.odd.lostFrees++;
      this.liveBytes -= before.byteLength;
      this.push(OPERATION.free, before.byteLength, 0, before.block);
    }
    const block = this.blockCount++;
    this.live.set(pointer, { block, byteLength, line });
    this.counts.allocations++;
    this.largestBytes = Math.max(this.largestBytes, byteLength);
    this.sinceReset += byteLength + Math.max(alignment, 16);
    this.liveBytes += byteLength;
    this.peakBytes = Math.max(this.peakBytes, this.liveBytes);
    this.push(OPERATION.allocate, byteLength, alignment, block);
  }

  private free(pointer: string, byteLength: number): void {
    const block = this.live.get(pointer);
    if (block === undefined) {
      this.odd.unknownFrees++;
      return;
    }
    if (block.byteLength !== byteLength) this.odd.wrongSizes++;
    this.live.delete(pointer);
    this.counts.deallocations++;
    this.liveBytes -= block.byteLength;
    this.push(OPERATION.free, block.byteLength, 0, block.block);
  }

  /** True when the row is no event of its own. */
  private readNote(note: string): boolean {
    const { kind, facts } = readNote(note);
    const fact = (key: string): number | null => {
      const value = Number(facts[key] ?? Number.NaN);
      return Number.isSafeInteger(value) && value >= 0 ? value : null;
    };
    if (kind === 'start') {
      this.recordedWith = {
        className: facts['allocator'] ?? '',
        capacityBytes: fact('capacity'),
        blockBytes: fact('blockBytes'),
        blockAlignment: fact('blockAlignment'),
        adaptors: (facts['adaptors'] ?? '').split('>').filter((name) => name !== ''),
        counting: facts['counters'] !== 'off',
        fresh: ['allocations', 'live', 'used', 'peak'].every((key) => (fact(key) ?? 0) === 0),
        interventions: 0,
        options: Object.freeze(facts),
      };
    } else if (kind === 'end') {
      const values = RUN_KEYS.map((key) => [key, fact(key)] as const);
      if (values.every(([, value]) => value !== null)) {
        this.recorded = Object.fromEntries(values) as unknown as RunStatistics;
      }
      const interventions = fact('interventions') ?? 0;
      if (this.recordedWith !== null) this.recordedWith = { ...this.recordedWith, interventions };
    } else if (kind === 'reset') {
      this.counts.resets++;
      this.live.clear();
      this.liveBytes = 0;
      this.bumpBytes = Math.max(this.bumpBytes, this.sinceReset);
      this.sinceReset = 0;
      this.push(OPERATION.reset, 0, 0, -1);
    } else return kind === 'by-reset';
    return true;
  }

  /** A request for 0 bytes that got no memory, or its free. True when it was one. */
  private readNothing(action: string | undefined): boolean {
    if (action === 'allocate') this.counts.allocations++;
    else if (action === 'free' || action === 'deallocate') this.counts.deallocations++;
    else return false;
    return true;
  }

  private push(kind: number, byteLength: number, alignment: number, block: number): void {
    this.kinds.push(kind);
    this.sizes.push(byteLength);
    this.alignments.push(alignment);
    this.blocks.push(block);
  }

  private alignment(cell: string, line: number): number {
    const value = this.number(cell, 'Alignment', line);
    if (value === 0 || (value <= MAX_ALIGNMENT && isPowerOfTwo(value))) return value;
    throw malformed(
      this.name,
      line,
      `Alignment must be a power of two up to ${MAX_ALIGNMENT}, or 0 for none, got ${describe(cell)}`,
      ROW_HINT,
    );
  }

  private number(cell: string | undefined, title: string, line: number): number {
    const text = cell?.trim() ?? '';
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value)) return value;
    throw malformed(this.name, line, `${title} must be a whole number up to 2^53 - 1, got ${describe(cell)}`, ROW_HINT);
  }
}
