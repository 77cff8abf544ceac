import { describe, INSPECT, memoryError } from '../../core';
import type { ArrayField, PlacedField, PlacedLayout, StringField } from './layout';
import { arrayLength, FITS, isArrayOf, misfit } from './ranges';
import { beginOf, innerOf, openRecord, RecordBase, type RecordHost } from './record';
import { type FieldProperty, SCALAR_PROPERTIES } from './scalars';
import { shown } from './shown';
import type { ChunkViews } from './views';

/** The class of one layout's records. Internal. */
export interface RecordClass {
  new (host: RecordHost, views: ChunkViews, begin: number, place: number): RecordBase & Record<string, unknown>;
  readonly fieldNames: readonly string[];
  /** Writes the fields that `init` names. @throws for those that do not fit: the ones before are written then */
  fill(record: RecordBase, init: unknown): void;
}

function badValue(name: string, wanted: string, value: unknown): Error {
  return memoryError('ERR_MEMORY_INVALID_ARGUMENT', `field '${name}' must be ${wanted}, got ${describe(value)}`);
}

/** The values for an array field, each checked, at most `length` of them. */
function checkedList(name: string, { array: kind, length }: ArrayField, values: unknown): unknown[] {
  if (typeof (values as Iterable<unknown> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw badValue(name, `${length} values`, values);
  }
  const list: unknown[] = [];
  for (const value of values as Iterable<unknown>) {
    if (list.length === length) {
      throw memoryError('ERR_MEMORY_OUT_OF_RANGE', `field '${name}' holds ${length} values, got more`);
    }
    const what = `a value of field '${name}'`;
    if (kind === 'bool') {
      if (value !== true && value !== false && value !== 0 && value !== 1) {
        throw badValue(name, 'values of true, false, 1 or 0', value);
      }
      list.push(Number(value));
    } else {
      if (!FITS[kind](value)) throw misfit(what, kind, value);
      list.push(value);
    }
  }
  return list;
}

function arrayProperty(name: string, field: ArrayField, offset: number): FieldProperty {
  const { array: kind, length } = field;
  const viewOf = (record: RecordBase) => {
    const all = openRecord(record, name)[kind] as Float64Array;
    const from = (beginOf(record) + offset) / all.BYTES_PER_ELEMENT;
    return all.subarray(from, from + length);
  };
  return {
    get() {
      return viewOf(this);
    },
    set(values) {
      const before = viewOf(this);
      const same = kind !== 'bool' && isArrayOf(before.constructor.name, values);
      const given = same ? arrayLength(values) : 0;
      if (given > length) {
        throw memoryError('ERR_MEMORY_OUT_OF_RANGE', `field '${name}' holds ${length} values, got ${given}`);
      }
      const list = (same ? values : checkedList(name, field, values)) as Float64Array;
      const target = viewOf(this); // an iterable may have reset the arena
      const count = same ? given : list.length;
      target.set(list);
      target.fill((kind === 'u64' || kind === 'i64' ? 0n : 0) as number, count);
    },
  };
}

function stringProperty(name: string, { string: capacity }: StringField, offset: number): FieldProperty {
  return {
    get() {
      const { u32, text } = openRecord(this, name);
      const begin = beginOf(this) + offset + 4;
      const length = Math.min(u32[(begin - 4) >> 2] as number, capacity);
      return text.toString('utf8', begin, begin + length);
    },
    set(value) {
      const { u32, text } = openRecord(this, name);
      if (typeof value !== 'string') throw badValue(name, 'a string', value);
      const byteLength = Buffer.byteLength(value, 'utf8');
      if (byteLength > capacity) {
        throw memoryError(
          'ERR_MEMORY_OUT_OF_RANGE',
          `field '${name}' holds ${capacity} bytes of UTF-8, got ${byteLength}`,
          { requestedBytes: byteLength, limitBytes: capacity },
        );
      }
      const begin = beginOf(this) + offset + 4;
      u32[(begin - 4) >> 2] = byteLength;
      text.write(value, begin, byteLength, 'utf8');
    },
  };
}

function nestedProperty(name: string, { offset, nested }: PlacedField, slot: number): FieldProperty {
  const Inner = makeRecordClass(nested as PlacedLayout);
  const inner = (record: RecordBase) =>
    innerOf(record, name, slot, (host, views, begin) => new Inner(host, views, begin + offset, record.offset + offset));
  return {
    get() {
      return inner(this);
    },
    set(value) {
      const record = inner(this);
      if (typeof value !== 'object' || value === null) throw badValue(name, 'an object', value);
      Inner.fill(record, value);
    },
  };
}

function propertyOf(placed: PlacedField, slot: number): FieldProperty {
  const { name, field, offset, nested } = placed;
  if (typeof field === 'string') return SCALAR_PROPERTIES[field](name, offset);
  if (nested !== undefined) return nestedProperty(name, placed, slot);
  return 'array' in field ? arrayProperty(name, field, offset) : stringProperty(name, field as StringField, offset);
}

function plainValue(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** The class of a layout's records, made once per layout, with a property for each field. */
export function makeRecordClass(layout: PlacedLayout): RecordClass {
  const names = Object.freeze(layout.fields.map(({ name }) => name));
  const properties = new Map(layout.fields.map((placed, slot) => [placed.name, propertyOf(placed, slot)]));
  const MadeRecord = class extends RecordBase {
    static readonly fieldNames = names;

    static fill(record: RecordBase, init: unknown): void {
      if (typeof init !== 'object' || init === null) {
        throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `first values must be an object, got ${describe(init)}`);
      }
      const keys =
        init instanceof RecordBase ? (init.constructor as unknown as RecordClass).fieldNames : Object.keys(init);
      for (const key of keys) {
        const property = properties.get(key);
        if (property === undefined) {
          throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `the record has no field ${describe(key)}`, {
            hint: `Its fields: ${names.join(', ')}.`,
          });
        }
        const value = (init as Record<string, unknown>)[key];
        if (value !== undefined) property.set.call(record, value);
      }
    }

    get byteLength(): number {
      return layout.byteLength;
    }

    assign(values: object): this {
      MadeRecord.fill(this, values);
      return this;
    }

    toJSON(): Record<string, unknown> {
      const json: Record<string, unknown> = {};
      for (const [name, { get }] of properties) {
        const value = get.call(this);
        if (value instanceof RecordBase) json[name] = (value as unknown as { toJSON(): unknown }).toJSON();
        else if (ArrayBuffer.isView(value)) json[name] = Array.from(value as unknown as Iterable<unknown>, plainValue);
        else json[name] = plainValue(value);
      }
      return json;
    }

    [INSPECT](): object {
      if (!this.valid) return shown('ArenaRecord', { valid: false });
      const fields: Record<string, unknown> = {};
      for (const [name, { get }] of properties) {
        const value = get.call(this);
        fields[name] = ArrayBuffer.isView(value) ? (value as Uint8Array).slice() : value;
      }
      return shown('ArenaRecord', fields);
    }
  };
  for (const [name, property] of properties) {
    Object.defineProperty(MadeRecord.prototype, name, { ...property, enumerable: true, configurable: false });
  }
  return MadeRecord as unknown as RecordClass;
}
