import { checkInteger, checkOneOf, checkOptions, describe, memoryError } from '../../core';
import type { Arena } from '../arena';
import { SCRATCH } from './string';
import { ArenaVec, checkArena, ELEMENT_KINDS, type ElementKind, type ElementValue } from './vec';

const KEY_KINDS = ['string', 'number'] as const;
const VALUE_KINDS = ['string', ...ELEMENT_KINDS] as const;
type KeyKind = (typeof KEY_KINDS)[number];
type ValueKind = (typeof VALUE_KINDS)[number];
type Key<K extends KeyKind> = K extends 'string' ? string : number;
type Value<V extends ValueKind> = V extends ElementKind ? ElementValue<V> : string;

export interface ArenaMapOptions<K extends KeyKind = 'string', V extends ValueKind = 'f64'> {
  /** Default 'string'. */
  readonly keys?: K;
  /** Default 'f64'. */
  readonly values?: V;
  /** Entries to make room for at once. Default 8. */
  readonly capacity?: number;
}

/** Strings in one growing block, each by its begin and length. */
class StringColumn {
  private readonly bytes: ArenaVec<'u8'>;
  private readonly begins: ArenaVec<'u32'>;
  private readonly lengths: ArenaVec<'u32'>;

  constructor(arena: Arena, capacity: number) {
    this.bytes = new ArenaVec(arena, 'u8', { capacity: capacity * 8 });
    this.begins = new ArenaVec(arena, 'u32', { capacity });
    this.lengths = new ArenaVec(arena, 'u32', { capacity });
  }

  push(utf8: Uint8Array): void {
    const begin = this.bytes.length;
    this.begins.reserve(this.begins.length + 1);
    this.lengths.reserve(this.lengths.length + 1);
    this.bytes.extend(utf8);
    this.begins.push(begin);
    this.lengths.push(utf8.length);
  }

  set(entry: number, utf8: Uint8Array): void {
    const begin = this.bytes.length;
    this.bytes.extend(utf8);
    this.begins.set(entry, begin);
    this.lengths.set(entry, utf8.length);
  }

  drop(): void {
    const last = this.begins.pop();
    if (last === undefined) return;
    this.lengths.pop();
    this.bytes.truncate(last);
  }

  at(entry: number): Uint8Array {
    const begin = this.begins.get(entry);
    return this.bytes.view().subarray(begin, begin + this.lengths.get(entry));
  }

  text(entry: number): string {
    const { buffer, byteOffset, byteLength } = this.at(entry);
    return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('utf8');
  }

  equals(entry: number, utf8: Uint8Array): boolean {
    if (this.lengths.get(entry) !== utf8.length) return false;
    return Buffer.compare(this.at(entry), utf8) === 0;
  }
}

/** Everything that is made anew when the map grows. */
interface Table {
  readonly slots: ArenaVec<'i32'>;
  readonly hashes: ArenaVec<'i32'>;
  /** 1 live, 0 deleted. */
  readonly live: ArenaVec<'u8'>;
  readonly textKeys: StringColumn | undefined;
  readonly numberKeys: ArenaVec<'f64'> | undefined;
  readonly texts: StringColumn | undefined;
  readonly numbers: ArenaVec<ElementKind> | undefined;
}

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
 * A hash map in an arena's memory, in the order of insertion. Keys are strings or numbers (by the rules of Map), values
 * numbers of one kind or strings. A million entries are a few blocks and no work for the collector.
 *
 * Ends with its arena, as {@link ArenaVec}. Deleted entries and replaced strings keep their room until the map grows.
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

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, and as Arena.allocate */
  constructor(arena: Arena, options?: ArenaMapOptions<K, V>) {
    const where = 'new ArenaMap()';
    this.arena = checkArena(where, arena);
    const given = checkOptions<ArenaMapOptions<K, V>>(where, options, ['keys', 'values', 'capacity']);
    this.keyKind = checkOneOf(`${where}: keys`, given.keys ?? 'string', KEY_KINDS) as K;
    this.valueKind = checkOneOf(`${where}: values`, given.values ?? 'f64', VALUE_KINDS) as V;
    this.table = this.makeTable(checkInteger(`${where}: capacity`, given.capacity ?? 8, 1, 2 ** 26));
  }

  get size(): number {
    return this.count;
  }
  get valid(): boolean {
    return this.table.slots.valid;
  }

  get(key: Key<K>): Value<V> | undefined {
    const entry = this.find(key, this.encode('get', key));
    return entry === -1 ? undefined : this.valueAt(entry);
  }

  has(key: Key<K>): boolean {
    return this.find(key, this.encode('has', key)) !== -1;
  }

  /** @throws ERR_MEMORY_INVALID_ARGUMENT for a value of another kind, and as Arena.allocate: unchanged then */
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
      const bytes = this.encode('set', key);
      if (textKeys !== undefined) textKeys.push(bytes as Uint8Array);
      else numberKeys?.push(key as number);
    } catch (error) {
      this.dropValue();
      throw error;
    }
    const hash = this.hashOf(key, this.encode('set', key));
    hashes.push(hash);
    live.push(1);
    this.place(this.table, hash, hashes.length - 1);
    this.count += 1;
    return this;
  }

  /** True when it was there. */
  delete(key: Key<K>): boolean {
    const entry = this.find(key, this.encode('delete', key));
    if (entry === -1) return false;
    this.table.live.set(entry, 0);
    this.count -= 1;
    return true;
  }

  *[Symbol.iterator](): Iterator<[Key<K>, Value<V>]> {
    const { table } = this;
    for (let entry = 0; entry < table.hashes.length; entry += 1) {
      if (this.table !== table) {
        throw memoryError('ERR_MEMORY_INVALID_STATE', 'ArenaMap: the map grew while it was iterated');
      }
      if (table.live.get(entry) === 1) yield [this.keyAt(table, entry), this.valueAt(entry)];
    }
  }

  *keys(): IterableIterator<Key<K>> {
    for (const [key] of this) yield key;
  }
  *values(): IterableIterator<Value<V>> {
    for (const [, value] of this) yield value;
  }
  entries(): Iterator<[Key<K>, Value<V>]> {
    return this[Symbol.iterator]();
  }

  // ---- below ---------------------------------------------------------------------------------------------------

  private makeTable(capacity: number): Table {
    const { arena, keyKind, valueKind } = this;
    const slots = new ArenaVec(arena, 'i32', { capacity: 2 ** Math.ceil(Math.log2(Math.max(8, capacity * 2))) });
    slots.extend(new Int32Array(slots.capacity).fill(FREE));
    return {
      slots,
      hashes: new ArenaVec(arena, 'i32', { capacity }),
      live: new ArenaVec(arena, 'u8', { capacity }),
      textKeys: keyKind === 'string' ? new StringColumn(arena, capacity) : undefined,
      numberKeys: keyKind === 'number' ? new ArenaVec(arena, 'f64', { capacity }) : undefined,
      texts: valueKind === 'string' ? new StringColumn(arena, capacity) : undefined,
      numbers: valueKind === 'string' ? undefined : new ArenaVec(arena, valueKind as ElementKind, { capacity }),
    };
  }

  /** UTF-8 of a string key in the scratch buffer; null for a number. @throws ERR_MEMORY_INVALID_ARGUMENT */
  private encode(method: string, key: unknown): Uint8Array | null {
    if (typeof key !== this.keyKind) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `ArenaMap.${method}: key must be a ${this.keyKind}, got ${describe(key)}`,
      );
    }
    return typeof key === 'string' ? SCRATCH.encode(key, Buffer.byteLength(key, 'utf8')) : null;
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

  /** Half full, deleted entries included: a table of what is live, twice its size. */
  private makeRoom(): void {
    const old = this.table;
    if ((old.hashes.length + 1) * 2 <= old.slots.length) {
      old.slots.view();
      return;
    }
    const table = this.makeTable(Math.max(8, this.count * 2));
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
    this.table = table;
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
    const wanted = valueKind === 'string' ? 'string' : valueKind === 'u64' || valueKind === 'i64' ? 'bigint' : 'number';
    if (typeof value === wanted) return;
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `ArenaMap.set: value must be a ${wanted}, got ${describe(value)}`);
  }
}

function sameNumber(a: number | undefined, b: unknown): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}
