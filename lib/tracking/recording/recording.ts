import { threadId } from 'node:worker_threads';
import {
  type Allocator,
  type ByteSize,
  type Clock,
  checkBoolean,
  checkFunction,
  checkOptions,
  disposeAll,
  ignoreFailure,
  parseBytes,
} from '../../core';
import { AllocatorAdaptor, BlockTable, isExhausted, nameIn } from '../base';
import {
  COLUMNS,
  EXTRA_COLUMNS,
  formatPointer,
  formatTime,
  type NoteFacts,
  type RecordedAction,
  writeNote,
} from './format';
import { interventionsOf, originOf } from './origin';
import { openSink, type TextSink } from './sink';

/** How to record, and either a sink or a path. */
export type RecordingOptions = RecordingSettings &
  (
    | {
        /** Gets whole lines, each with its line break, many at a time. */
        readonly sink: (text: string) => void;
        readonly path?: undefined;
      }
    | {
        readonly sink?: undefined;
        /** A file that is written anew. */
        readonly path: string;
      }
  );

type RecordingSettings = {
  /** Milliseconds since 1970, fractions allowed; default the wall clock. */
  readonly clock?: Clock;
  /** Text that is gathered before it is written; 0 writes each line. Default 64 KiB. */
  readonly bufferBytes?: ByteSize;
  /** False writes RMM's six columns only: alignments, resets and statistics cannot be played back then. Default true. */
  readonly extraColumns?: boolean;
  /** For statistics and errors. Default: the kind of the adaptor around the inner name. */
  readonly name?: string;
};

const wallClock: Clock = { nowMs: () => performance.timeOrigin + performance.now() };
const MIDNIGHT = formatTime(0);
/** Unwritten text past this is dropped: a sink that keeps failing must not eat the memory. */
const MOST_PENDING = 16 * 2 ** 20;

/**
 * Writes every allocation, refusal and free as a line of RMM's log format, for `nebula-memory replay` and for RMM's own
 * tools. Wrong arguments and frees that throw are not written: they changed nothing.
 *
 * Pointers are offsets plus 4096, times are of the day in UTC, the stream is 0. A reset is written as the frees of all
 * live blocks. Lines are gathered: what is not flushed when the process dies is lost, `dispose` flushes. A sink that
 * throws does not undo an allocation: the text is kept and tried again, `flush` throws the error, and text past 16 MiB is
 * dropped and counted in `lostLines`.
 */
export class RecordingAllocator<I extends Allocator = Allocator> extends AllocatorAdaptor<I> {
  private readonly sink: TextSink;
  private readonly clock: Clock;
  private readonly bufferBytes: number;
  private readonly extra: boolean;
  private blocks = new BlockTable();
  private readonly start: NoteFacts;
  /** Of the adaptors inside, before this one was there. */
  private readonly interventions: number;
  private pending = '';
  private pendingLines = 0;
  private lost = 0;
  private flushing = false;
  /** The text of the latest reading of the clock. */
  private time = MIDNIGHT;
  private reading = false;
  private resetting = false;
  /** Frees under way: more than one where somebody's code frees from inside of one. */
  private freeing = 0;
  /** Rows of what is done inside of the innermost free, or by the sink while a reset is written: they belong behind it. */
  private deferred = '';
  private deferredLines = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_SYSCALL when the file cannot be made */
  constructor(inner: I, options: RecordingOptions) {
    super('recording', inner, nameIn(options));
    const given = checkOptions('RecordingAllocator', options, [
      ...(['sink', 'path', 'clock', 'bufferBytes', 'extraColumns', 'name'] as const),
    ]);
    this.clock = given.clock ?? wallClock;
    checkFunction('RecordingAllocator: clock.nowMs', this.clock.nowMs);
    this.bufferBytes = parseBytes(given.bufferBytes ?? 65_536, 'RecordingAllocator: bufferBytes');
    this.extra = checkBoolean('RecordingAllocator: extraColumns', given.extraColumns ?? true);
    this.start = originOf(inner);
    this.interventions = interventionsOf(inner);
    this.sink = openSink(given.sink, given.path);
    this.pending = `${[...COLUMNS, ...(this.extra ? EXTRA_COLUMNS : [])].join(',')}\n`;
    if (this.extra) this.writeFacts('start', this.start);
  }

  /** Lines that were dropped because the sink kept failing, or that a sink took and failed with later. */
  get lostLines(): number {
    return this.lost;
  }

  override allocate(byteLength: number, alignment?: number): number {
    this.readClock();
    this.blocks.prepare();
    let offset: number;
    try {
      offset = this.inner.allocate(byteLength, alignment);
    } catch (error) {
      if (isExhausted(error)) this.write('allocate failure', null, byteLength, alignment, '');
      throw error;
    }
    this.enter(offset, byteLength, alignment);
    return offset;
  }

  override tryAllocate(byteLength: number, alignment?: number): number {
    this.readClock();
    this.blocks.prepare();
    const offset = this.inner.tryAllocate(byteLength, alignment);
    if (offset === -1) this.write('allocate failure', null, byteLength, alignment, '');
    else this.enter(offset, byteLength, alignment);
    return offset;
  }

  override deallocate(offset: number, byteLength: number): void {
    this.readClock();
    const { blocks, deferred, deferredLines } = this;
    // Out of the books first: the free may run somebody else's code, which may be given this very place.
    const slot = typeof offset === 'number' ? blocks.find(offset) : -1; // others are the inner allocator's to refuse
    const size = slot === -1 ? -1 : (blocks.sizes[slot] as number);
    if (slot !== -1) blocks.removeAt(slot);
    this.deferred = '';
    this.deferredLines = 0;
    this.freeing++;
    let freed = false;
    try {
      this.inner.deallocate(offset, byteLength);
      freed = true;
    } finally {
      const { deferred: rows, deferredLines: lines } = this; // of what that code did: they belong behind the free
      this.deferred = deferred;
      this.deferredLines = deferredLines;
      this.freeing--;
      if (freed) this.write('free', offset, byteLength, undefined, '');
      else if (slot !== -1 && this.blocks === blocks) blocks.set(offset, size, 0, 0);
      if (lines > 0) this.append(rows, lines);
    }
  }

  override reset(): void {
    this.readClock();
    try {
      this.inner.reset();
    } catch (error) {
      this.keepRest(error);
      throw error;
    }
    const { blocks } = this;
    this.blocks = new BlockTable(); // what the sink takes meanwhile is a block of after
    this.writeFrees(blocks, true);
  }

  /** The part that is gone was freed, for all that a reader of the log can tell. */
  protected override onPartlyCleared(): void {
    const gone = new BlockTable();
    const rest = new BlockTable();
    for (let slot = 0; slot < this.blocks.slots; slot++) {
      const offset = this.blocks.offsetAt(slot);
      if (offset !== -1) (this.inner.owns(offset) ? rest : gone).set(offset, this.blocks.sizes[slot] ?? 0, 0, 0);
    }
    this.blocks = rest;
    if (gone.count > 0) this.writeFrees(gone, false);
  }

  /** One row a block; what the sink does meanwhile comes behind the last one. */
  private writeFrees(blocks: BlockTable, byReset: boolean): void {
    const isOutermost = !this.resetting;
    this.resetting = true;
    const note = byReset ? writeNote('by-reset') : '';
    for (let slot = 0; slot < blocks.slots; slot++) {
      const offset = blocks.offsetAt(slot);
      if (offset !== -1) this.write('free', offset, blocks.sizes[slot] ?? 0, undefined, note);
    }
    if (byReset && this.extra) this.write('free', null, 0, undefined, writeNote('reset'));
    if (!isOutermost) return;
    this.resetting = false;
    const { deferred, deferredLines } = this;
    this.deferred = '';
    this.deferredLines = 0;
    this.append(deferred, deferredLines);
  }

  /** Hands what is gathered to the sink. @throws what the sink throws: the text is kept then */
  flush(): void {
    if (this.flushing || this.pending === '') return;
    const text = this.pending;
    const lines = this.pendingLines;
    this.pending = '';
    this.pendingLines = 0;
    this.flushing = true;
    try {
      ignoreFailure(this.sink.write(text), () => void (this.lost += lines));
    } catch (error) {
      this.pending = text + this.pending;
      this.pendingLines += lines;
      throw error;
    } finally {
      this.flushing = false;
    }
  }

  /**
   * Writes the statistics as the last line, disposes the inner allocator and closes the sink.
   *
   * @throws ERR_MEMORY_INVALID_STATE from inside of the sink or clock, and of a free
   */
  protected override letGo(): void {
    if (this.flushing || this.reading) throw this.busy('dispose', 'its own sink or clock', 'Dispose it afterwards.');
    if (this.freeing > 0) throw this.busy('dispose', 'one of its own frees', 'Dispose it afterwards.');
    const facts = this.endFacts();
    super.letGo();
    this.closed = true;
    if (this.extra) this.writeFacts('end', facts);
    try {
      disposeAll([{ [Symbol.dispose]: () => this.sink.close() }, { [Symbol.dispose]: () => this.flush() }]);
    } finally {
      this.pending = '';
      this.blocks.clear();
    }
  }

  private enter(offset: number, byteLength: number, alignment: number | undefined): void {
    this.blocks.set(offset, byteLength, 0, 0);
    this.write('allocate', offset, byteLength, alignment, '');
  }

  private write(
    action: RecordedAction,
    offset: number | null,
    byteLength: number,
    alignment: number | undefined,
    note: string,
  ): void {
    const row = `${threadId},${this.time},${action},${formatPointer(offset)},${byteLength},0`;
    this.append(this.extra ? `${row},${alignment ?? ''},${note}\n` : `${row}\n`, 1);
  }

  private writeFacts(kind: 'start' | 'end', facts: NoteFacts): void {
    this.readClock();
    this.write('free', null, 0, undefined, writeNote(kind, facts));
  }

  private append(text: string, lines: number): void {
    if (this.freeing > 0 || (this.resetting && this.flushing)) {
      this.deferred += text;
      this.deferredLines += lines;
      return;
    }
    this.pending += text;
    this.pendingLines += lines;
    if (this.pending.length <= this.bufferBytes) return;
    try {
      this.flush();
    } catch {
      if (this.pending.length <= MOST_PENDING) return; // tried again with a later line, and told by flush()
      this.lost += this.pendingLines;
      this.sink.drop();
      this.pending = '';
      this.pendingLines = 0;
    }
  }

  /**
   * Before anything has happened, so that a clock may use the allocator, and once for all that it does. One that throws or
   * makes no sense undoes nothing.
   */
  private readClock(): void {
    if (this.reading) return;
    this.reading = true;
    try {
      this.time = formatTime(this.clock.nowMs());
    } catch {
      this.time = MIDNIGHT;
    } finally {
      this.reading = false;
    }
  }

  private endFacts(): NoteFacts {
    const stats = this.inner.stats();
    const since = (key: 'allocations' | 'deallocations' | 'failures' | 'resets'): number =>
      stats[key] - Number(this.start[key] ?? 0);
    return {
      allocations: since('allocations'),
      deallocations: since('deallocations'),
      failures: since('failures'),
      resets: since('resets'),
      live: stats.liveAllocations,
      used: stats.usedBytes,
      peak: stats.peakUsedBytes,
      interventions: interventionsOf(this.inner) - this.interventions,
    };
  }
}
