import { checkInteger, checkOneOf, checkOptions, describe, INSPECT, memoryError } from '../../core';
import type { Arena } from '../arena';
import { FITS, misfit } from '../typed/ranges';
import { shown } from '../typed/shown';
import { SCRATCH } from './string';
import { StringColumn } from './string-column';
import { ArenaVec, checkArena, ELEMENT_KINDS, type ElementKind, type ElementValue } from './vec';

const KEY_KINDS = ['string', 'number'] as const;
const VALUE_KINDS = ['string', ...ELEMENT_KINDS] as const;
type KeyKind = (typeof KEY_KINDS)[number];
type ValueKind = (typeof VALUE_KINDS)[number];
type Key<K extends KeyKind> = K extends 'string' ? string : number;
type Value<V extends ValueKind> = V extends ElementKind ? ElementValue<V> : string;

/** Options of {@link ArenaMap}. */
export interface ArenaMapOptions<K extends KeyKind = 'string', V extends ValueKind = 'f64'> {
  /** Default 'string'. */
  readonly keys?: K;
  /** Default 'f64'. */
  readonly values?: V;
  /** Entries to make room for at once. Default 8. */
  readonly capacity?: number;
}

/** Everything that is made anew when the map grows. Entries lie in the order of insertion; slots find them by hash. */
interface Table {
  readonly slots: ArenaVec<'i32'>;
  readonly hashes: ArenaVec<'i32'>;
  /** 1 live, 0 deleted. */
  readonly live: ArenaVec<'u8'>;
  readonly textKeys: StringColumn | undefined;
  readonly numberKeys: ArenaVec<'f64'> | undefined;
  readonly texts: StringColumn | undefined;
  readonly numbers: ArenaVec<ElementKind> | undefined;
  /** All lists in the order in which they were made. */
  readonly made: readonly ArenaVec<never>[];
}

/** Of ES2024; every Node.js from 20 on has it. */
type Text = string & { isWellFormed(): boolean };

const FREE = 0;
const NUMBER_BITS = new Int32Array(2);
const NUMBER = new Float64Array(NUMBER_BITS.buffer);

function mix(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return mixed ^ (mixed >>> 16);
}

function hashBytes(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i += 1) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return mix(hash) | 0;
}

function hashNumber(key: number): number {
  NUMBER[0] = key;
  return mix(Math.imul(NUMBER_BITS[0] as number, 31) ^ (NUMBER_BITS[1] as number)) | 0;
}

/**
 * A hash map in an arena's memory, in the order of insertion. Keys are strings or numbers (by the rules of Map; a string
 * with a lone surrogate is refused), values numbers of one kind or strings, kept as UTF-8. A million entries are a few blocks and no work for the collector.
 *
 * Ends with its arena, as {@link ArenaVec}. The room of deleted entries and replaced strings is used again, so a map
 * through which keys come and go stays as large as its largest moment needs.
 * @throws in every call ERR_MEMORY_STALE_HANDLE after the arena took the memory back
 */
export class ArenaMap<K extends KeyKind = 'string', V extends ValueKind = 'f64'>
  implements Iterable<[Key<K>, Value<V>]>
{
  private readonly arena: Arena;
  private readonly keyKind: K;
  private readonly valueKind: V;
  private table: Table;
  private count = 0;
  /** Counts what moves entries to other places. */
  private rebuilds = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, and as Arena.allocate: no block is kept then */
  constructor(arena: Arena, options?: ArenaMapOptions<K, V>) {
    const where = 'new ArenaMap()';
    this.arena = checkArena(where, arena);
    const given = checkOptions<ArenaMapOptions<K, V>>(where, options, ['keys', 'values', 'capacity']);
    this.keyKind = checkOneOf(`${where}: keys`, given.keys ?? 'string', KEY_KINDS) as K;
    this.valueKind = checkOneOf(`${where}: values`, given.values ?? 'f64', VALUE_KINDS) as V;
    this.table = this.makeTable(checkInteger(`${where}: capacity`, given.capacity ?? 8, 1, 2 ** 26));
  }

  /** How many keys. @throws ERR_MEMORY_STALE_HANDLE */
  get size(): number {
    this.table.slots.check('size');
    return this.count;
  }
  /** False once the arena took the memory back, or a part of it. */
  get valid(): boolean {
    const { made } = this.table;
    return made.every(({ valid }) => valid);
  }

  /** The value of a key, or undefined. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_STALE_HANDLE */
  get(key: Key<K>): Value<V> | undefined {
    const entry = this.find(key, this.encode('get', key));
    return entry === -1 ? undefined : this.valueAt(entry);
  }

  /** Whether a key is there. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_STALE_HANDLE */
  has(key: Key<K>): boolean {
    return this.find(key, this.encode('has', key)) !== -1;
  }

  /**
   * Adds a key or replaces its value.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE for a value that does not fit, ERR_MEMORY_INVALID_ARGUMENT for a key or value of another
   *   type, and as Arena.allocate: unchanged then; ERR_MEMORY_STALE_HANDLE
   */
  set(key: Key<K>, value: Value<V>): this {
    this.checkValue(value);
    const found = this.find(key, this.encode('set', key));
    if (found !== -1) {
      this.replace(found, value);
      return this;
    }
    this.makeRoom();
    // Encoded anew: the scratch buffer was used for the value or by a rehash meanwhile.
    const { textKeys, numberKeys, hashes, live } = this.table;
    hashes.reserve(hashes.length + 1);
    live.reserve(live.length + 1);
    this.pushValue(value);
    try {
      const bytes = bytesOf(key);
      if (textKeys !== undefined) textKeys.push(bytes as Uint8Array);
      else numberKeys?.push(key as number);
    } catch (error) {
      this.dropValue();
      throw error;
    }
    const hash = this.hashOf(key, bytesOf(key));
    hashes.push(hash);
    live.push(1);
    this.place(this.table, hash, hashes.length - 1);
    this.count += 1;
    return this;
  }

  /** Takes a key away; true when it was there. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_STALE_HANDLE */
  delete(key: Key<K>): boolean {
    const entry = this.find(key, this.encode('delete', key));
    if (entry === -1) return false;
    const { live, textKeys, texts } = this.table;
    live.set(entry, 0);
    textKeys?.forget(entry);
    texts?.forget(entry);
    this.count -= 1;
    return true;
  }

  /**
   * Keys with their values, in the order of insertion.
   *
   * @throws ERR_MEMORY_INVALID_STATE when set() rebuilds the map meanwhile, ERR_MEMORY_STALE_HANDLE
   */
  *[Symbol.iterator](): Iterator<[Key<K>, Value<V>]> {
    const { table, rebuilds } = this;
    for (let entry = 0; entry < table.hashes.length; entry += 1) {
      if (table.live.get(entry) !== 1) continue;
      yield [this.keyAt(table, entry), this.valueAt(entry)];
      if (this.rebuilds !== rebuilds) {
        throw memoryError('ERR_MEMORY_INVALID_STATE', 'ArenaMap: set() rebuilt the map while it was iterated', {
          hint: 'Collect the keys first: [...map.keys()].',
        });
      }
    }
  }

  /** The keys. @throws as the iterator */
  *keys(): IterableIterator<Key<K>> {
    for (const [key] of this) yield key;
  }
  /** The values. @throws as the iterator */
  *values(): IterableIterator<Value<V>> {
    for (const [, value] of this) yield value;
  }
  /** The same as the iterator. */
  entries(): Iterator<[Key<K>, Value<V>]> {
    return this[Symbol.iterator]();
  }

  [INSPECT](): object {
    const { keyKind: keys, valueKind: values } = this;
    if (!this.valid) return shown('ArenaMap', { keys, values, valid: false });
    const entries = new Map<unknown, unknown>();
    for (const [key, value] of this) {
      if (entries.size === 100) break;
      entries.set(key, value);
    }
    return shown('ArenaMap', { keys, values, size: this.count, entries });
  }

  // ---- below ---------------------------------------------------------------------------------------------------

  private makeTable(capacity: number): Table {
    const { arena, keyKind, valueKind } = this;
    const made: ArenaVec<never>[] = [];
    const vec = <E extends ElementKind>(kind: E, room: number = capacity): ArenaVec<E> => {
      const list = new ArenaVec(arena, kind, { capacity: room });
      made.push(list as ArenaVec<never>);
      return list;
    };
    try {
      const slots = vec('i32', 2 ** Math.ceil(Math.log2(Math.max(8, capacity * 2))));
      slots.extend(new Int32Array(slots.capacity).fill(FREE));
      return {
        slots,
        hashes: vec('i32'),
        live: vec('u8'),
        textKeys: keyKind === 'string' ? new StringColumn(arena, capacity, made) : undefined,
        numberKeys: keyKind === 'number' ? vec('f64') : undefined,
        texts: valueKind === 'string' ? new StringColumn(arena, capacity, made) : undefined,
        numbers: valueKind === 'string' ? undefined : vec(valueKind as ElementKind),
        made,
      };
    } catch (error) {
      releaseAll(made);
      throw error;
    }
  }

  /** A checked key's UTF-8 in the scratch buffer; null for a number. @throws ERR_MEMORY_INVALID_ARGUMENT */
  private encode(method: string, key: unknown): Uint8Array | null {
    if (typeof key !== this.keyKind) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `ArenaMap.${method}: key must be a ${this.keyKind}, got ${describe(key)}`,
      );
    }
    // As UTF-8 all lone surrogates are the same: two keys would be one.
    if (typeof key === 'string' && !(key as Text).isWellFormed()) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `ArenaMap.${method}: key must be well-formed text, got a lone surrogate in ${describe(key)}`,
        { hint: 'key.toWellFormed() puts U+FFFD in the place of each.' },
      );
    }
    return bytesOf(key);
  }

  private hashOf(key: unknown, bytes: Uint8Array | null): number {
    return bytes === null ? hashNumber((key as number) === 0 ? 0 : (key as number)) : hashBytes(bytes);
  }

  private find(key: unknown, bytes: Uint8Array | null): number {
    const { slots, hashes, live, textKeys, numberKeys } = this.table;
    const hash = this.hashOf(key, bytes);
    const mask = slots.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = slots.get(at);
      if (slot === FREE) return -1;
      const entry = slot - 1;
      if (hashes.get(entry) !== hash || live.get(entry) !== 1) continue;
      if (bytes !== null ? textKeys?.equals(entry, bytes) : sameNumber(numberKeys?.get(entry), key)) return entry;
    }
  }

  private place(table: Table, hash: number, entry: number): void {
    const mask = table.slots.length - 1;
    let at = hash & mask;
    while (table.slots.get(at) !== FREE) at = (at + 1) & mask;
    table.slots.set(at, entry + 1);
  }

  /** Half full, deleted entries included: the same table without them, or one of twice the size of what is live. */
  private makeRoom(): void {
    const { hashes, slots } = this.table;
    if ((hashes.length + 1) * 2 <= slots.length) {
      slots.check('set');
      return;
    }
    if (this.count * 2 <= hashes.length) this.compact();
    else {
      try {
        this.enlarge();
      } catch (error) {
        if (this.count === hashes.length) throw error;
        this.compact(); // there is no memory, but room of deleted entries
      }
    }
    this.rebuilds += 1;
  }

  private enlarge(): void {
    const old = this.table;
    const table = this.makeTable(Math.max(8, this.count * 2));
    try {
      for (let entry = 0; entry < old.hashes.length; entry += 1) {
        if (old.live.get(entry) !== 1) continue;
        const hash = old.hashes.get(entry);
        table.hashes.push(hash);
        table.live.push(1);
        if (old.textKeys !== undefined) table.textKeys?.push(old.textKeys.at(entry));
        else table.numberKeys?.push(old.numberKeys?.get(entry) as number);
        if (old.texts !== undefined) table.texts?.push(old.texts.at(entry));
        else table.numbers?.push(old.numbers?.get(entry) as number);
        this.place(table, hash, table.hashes.length - 1);
      }
    } catch (error) {
      releaseAll(table.made);
      throw error;
    }
    this.table = table;
    releaseAll(old.made);
  }

  /** Moves the live entries together in place. Takes no memory of the arena. */
  private compact(): void {
    const { table } = this;
    const { slots, hashes, live, textKeys, numberKeys, texts, numbers } = table;
    let end = 0;
    for (let entry = 0; entry < hashes.length; entry += 1) {
      if (live.get(entry) !== 1) continue;
      if (end !== entry) {
        hashes.set(end, hashes.get(entry));
        live.set(end, 1);
        textKeys?.move(end, entry);
        numberKeys?.set(end, numberKeys.get(entry));
        texts?.move(end, entry);
        numbers?.set(end, numbers.get(entry));
      }
      end += 1;
    }
    for (const column of [hashes, live, textKeys, numberKeys, texts, numbers]) column?.truncate(end);
    slots.view().fill(FREE);
    for (let entry = 0; entry < end; entry += 1) this.place(table, hashes.get(entry), entry);
  }

  private keyAt(table: Table, entry: number): Key<K> {
    const key = table.textKeys !== undefined ? table.textKeys.text(entry) : table.numberKeys?.get(entry);
    return key as Key<K>;
  }

  private valueAt(entry: number): Value<V> {
    const { texts, numbers } = this.table;
    return (texts !== undefined ? texts.text(entry) : numbers?.get(entry)) as Value<V>;
  }

  private replace(entry: number, value: Value<V>): void {
    const { texts, numbers } = this.table;
    if (texts === undefined) numbers?.set(entry, value as number);
    else texts.set(entry, SCRATCH.encode(value as string, Buffer.byteLength(value as string, 'utf8')));
  }

  private pushValue(value: Value<V>): void {
    const { texts, numbers } = this.table;
    if (texts === undefined) numbers?.push(value as number);
    else texts.push(SCRATCH.encode(value as string, Buffer.byteLength(value as string, 'utf8')));
  }

  private dropValue(): void {
    this.table.texts?.drop();
    this.table.numbers?.pop();
  }

  private checkValue(value: unknown): void {
    const { valueKind } = this;
    if (valueKind === 'string') {
      if (typeof value === 'string') return;
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `ArenaMap.set: value must be a string, got ${describe(value)}`);
    }
    if (!FITS[valueKind as ElementKind](value))
      throw misfit(`ArenaMap.set: a value of kind ${valueKind}`, valueKind as ElementKind, value);
  }
}

/** UTF-8 of a string key in the scratch buffer; null for a number. */
function bytesOf(key: unknown): Uint8Array | null {
  return typeof key === 'string' ? SCRATCH.encode(key, Buffer.byteLength(key, 'utf8')) : null;
}

/** Newest first, so that the room returns where nothing was allocated after. */
function releaseAll(made: readonly ArenaVec<never>[]): void {
  for (let i = made.length - 1; i >= 0; i -= 1) made[i]?.release();
}

function sameNumber(a: number | undefined, b: unknown): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}
