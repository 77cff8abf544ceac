import { checkBoolean, describe, memoryError } from '../../core';
import type { ArrayField, PlacedField, PlacedLayout, Scalar, StringField } from './layout';

/** Typed arrays over one chunk. Internal. */
export class ChunkViews {
  readonly u8: Uint8Array;
  readonly i8: Int8Array;
  readonly bool: Uint8Array;
  readonly u16: Uint16Array;
  readonly i16: Int16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly u64: BigUint64Array;
  readonly i64: BigInt64Array;
  readonly text: Buffer;

  constructor(buffer: ArrayBuffer | SharedArrayBuffer) {
    this.u8 = new Uint8Array(buffer);
    this.i8 = new Int8Array(buffer, 0, Math.floor(buffer.byteLength / Int8Array.BYTES_PER_ELEMENT));
    this.bool = this.u8;
    this.u16 = new Uint16Array(buffer, 0, Math.floor(buffer.byteLength / Uint16Array.BYTES_PER_ELEMENT));
    this.i16 = new Int16Array(buffer, 0, Math.floor(buffer.byteLength / Int16Array.BYTES_PER_ELEMENT));
    this.u32 = new Uint32Array(buffer, 0, Math.floor(buffer.byteLength / Uint32Array.BYTES_PER_ELEMENT));
    this.i32 = new Int32Array(buffer, 0, Math.floor(buffer.byteLength / Int32Array.BYTES_PER_ELEMENT));
    this.f32 = new Float32Array(buffer, 0, Math.floor(buffer.byteLength / Float32Array.BYTES_PER_ELEMENT));
    this.f64 = new Float64Array(buffer, 0, Math.floor(buffer.byteLength / Float64Array.BYTES_PER_ELEMENT));
    this.u64 = new BigUint64Array(buffer, 0, Math.floor(buffer.byteLength / BigUint64Array.BYTES_PER_ELEMENT));
    this.i64 = new BigInt64Array(buffer, 0, Math.floor(buffer.byteLength / BigInt64Array.BYTES_PER_ELEMENT));
    this.text = Buffer.from(buffer as ArrayBuffer);
  }
}

/** Who owns the records. Internal. */
export interface RecordHost {
  readonly name: string;
  /** Changes with every reset and dispose. */
  stamp: number;
  locate(offset: number): { readonly views: ChunkViews; readonly at: number };
}

/** What all records share. Fields of the layout are properties of the sub-class that a layout is given. */
export class RecordBase {
  /** @internal */
  readonly host$: RecordHost;
  /** @internal */
  views$: ChunkViews;
  /** @internal First byte in the chunk. */
  at$: number;
  /** @internal */
  stamp$: number;
  /** @internal Nested records, made when asked for. */
  inner$: RecordBase[] | undefined = undefined;
  /** @internal */
  place$: number;

  constructor(host: RecordHost, views: ChunkViews, at: number, offset: number) {
    this.host$ = host;
    this.views$ = views;
    this.at$ = at;
    this.place$ = offset;
    this.stamp$ = host.stamp;
  }

  /** Where the record lies in the arena's space. */
  get offset(): number {
    return this.place$;
  }

  /** False once the arena was reset or disposed. */
  get valid(): boolean {
    return this.stamp$ === this.host$.stamp;
  }

  /**
   * Shows another record through this object, so that a loop over many makes no garbage. Nested records of before show
   * the former place.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE for an offset where no record begins
   */
  moveTo(offset: number): this {
    const { views, at } = this.host$.locate(offset);
    this.views$ = views;
    this.at$ = at;
    this.place$ = offset;
    this.stamp$ = this.host$.stamp;
    this.inner$ = undefined;
    return this;
  }
}

export interface RecordClass {
  new (host: RecordHost, views: ChunkViews, at: number, offset: number): RecordBase & Record<string, unknown>;
  /** Writes first values. */
  fill(record: RecordBase, init: object): void;
}

function stale(record: RecordBase, name: string): Error {
  return memoryError(
    'ERR_MEMORY_STALE_HANDLE',
    `${record.host$.name}: field '${name}' of a record that a reset() or dispose() took back`,
    { source: record.host$.name, hint: 'Copy out of the arena what must live longer.' },
  );
}

function badValue(name: string, wanted: string, value: unknown): Error {
  return memoryError('ERR_MEMORY_INVALID_ARGUMENT', `field '${name}' must be ${wanted}, got ${describe(value)}`);
}

type Property = Pick<PropertyDescriptor, 'get' | 'set'>;

// One closure pair for a kind of number. The array is named in each, so that the engine sees one type at a place.
const NUMBERS: Readonly<Record<string, readonly [shift: number, key: Exclude<Scalar, 'bool' | 'u64' | 'i64'>]>> = {
  u8: [0, 'u8'],
  i8: [0, 'i8'],
  u16: [1, 'u16'],
  i16: [1, 'i16'],
  u32: [2, 'u32'],
  i32: [2, 'i32'],
  f32: [2, 'f32'],
  f64: [3, 'f64'],
};

function scalarProperty(name: string, kind: Scalar, offset: number): Property {
  if (kind === 'bool') {
    return {
      get(this: RecordBase): boolean {
        if (this.stamp$ !== this.host$.stamp) throw stale(this, name);
        return this.views$.u8[this.at$ + offset] !== 0;
      },
      set(this: RecordBase, value: unknown) {
        if (this.stamp$ !== this.host$.stamp) throw stale(this, name);
        this.views$.u8[this.at$ + offset] = checkBoolean(`field '${name}'`, value) ? 1 : 0;
      },
    };
  }
  if (kind === 'u64' || kind === 'i64') {
    return {
      get(this: RecordBase): bigint {
        if (this.stamp$ !== this.host$.stamp) throw stale(this, name);
        return this.views$[kind][(this.at$ + offset) >> 3] as bigint;
      },
      set(this: RecordBase, value: unknown) {
        if (this.stamp$ !== this.host$.stamp) throw stale(this, name);
        if (typeof value !== 'bigint') throw badValue(name, 'a bigint', value);
        this.views$[kind][(this.at$ + offset) >> 3] = value;
      },
    };
  }
  const [shift, key] = NUMBERS[kind] as readonly [number, 'f64'];
  return {
    get(this: RecordBase): number {
      if (this.stamp$ !== this.host$.stamp) throw stale(this, name);
      return this.views$[key][(this.at$ + offset) >> shift] as number;
    },
    set(this: RecordBase, value: unknown) {
      if (this.stamp$ !== this.host$.stamp) throw stale(this, name);
      if (typeof value !== 'number') throw badValue(name, 'a number', value);
      this.views$[key][(this.at$ + offset) >> shift] = value;
    },
  };
}

function arrayProperty(name: string, { array: kind, length }: ArrayField, offset: number): Property {
  const viewOf = (record: RecordBase) => {
    if (record.stamp$ !== record.host$.stamp) throw stale(record, name);
    const all = record.views$[kind];
    const from = (record.at$ + offset) / all.BYTES_PER_ELEMENT;
    return all.subarray(from, from + length);
  };
  return {
    get(this: RecordBase) {
      return viewOf(this);
    },
    set(this: RecordBase, values: unknown) {
      const target = viewOf(this);
      if (typeof (values as Iterable<unknown> | null)?.[Symbol.iterator] !== 'function') {
        throw badValue(name, `${length} values`, values);
      }
      const list = Array.from(values as Iterable<number>);
      if (list.length > length) {
        throw memoryError('ERR_MEMORY_OUT_OF_RANGE', `field '${name}' holds ${length} values, got ${list.length}`);
      }
      const wanted = kind === 'u64' || kind === 'i64' ? 'bigint' : 'number';
      for (const value of list as unknown[]) {
        const same = typeof value === wanted || (kind === 'bool' && typeof value === 'boolean');
        if (!same) throw badValue(name, `values of type ${wanted}`, value);
      }
      (target as Float64Array).set(list);
      (target as Float64Array).fill(wanted === 'bigint' ? (0n as never) : 0, list.length);
    },
  };
}

function stringProperty(name: string, { string: capacity }: StringField, offset: number): Property {
  return {
    get(this: RecordBase): string {
      if (this.stamp$ !== this.host$.stamp) throw stale(this, name);
      const begin = this.at$ + offset + 4;
      const length = Math.min(this.views$.u32[(begin - 4) >> 2] as number, capacity);
      return this.views$.text.toString('utf8', begin, begin + length);
    },
    set(this: RecordBase, value: unknown) {
      if (this.stamp$ !== this.host$.stamp) throw stale(this, name);
      if (typeof value !== 'string') throw badValue(name, 'a string', value);
      const byteLength = Buffer.byteLength(value, 'utf8');
      if (byteLength > capacity) {
        throw memoryError(
          'ERR_MEMORY_OUT_OF_RANGE',
          `field '${name}' holds ${capacity} bytes of UTF-8, got ${byteLength}`,
          { requestedBytes: byteLength, limitBytes: capacity },
        );
      }
      const begin = this.at$ + offset + 4;
      this.views$.u32[(begin - 4) >> 2] = byteLength;
      this.views$.text.write(value, begin, byteLength, 'utf8');
    },
  };
}

function nestedProperty(name: string, { offset, nested }: PlacedField, slot: number): Property {
  const Inner = makeRecordClass(nested as PlacedLayout);
  return {
    get(this: RecordBase): RecordBase {
      if (this.stamp$ !== this.host$.stamp) throw stale(this, name);
      this.inner$ ??= [];
      this.inner$[slot] ??= new Inner(this.host$, this.views$, this.at$ + offset, this.offset + offset);
      return this.inner$[slot];
    },
    set(this: RecordBase, value: unknown) {
      if (typeof value !== 'object' || value === null) throw badValue(name, 'an object', value);
      Inner.fill((this as unknown as Record<string, RecordBase>)[name] as RecordBase, value);
    },
  };
}

function propertyOf(placed: PlacedField, slot: number): Property {
  const { name, field, offset, nested } = placed;
  if (typeof field === 'string') return scalarProperty(name, field, offset);
  if (nested !== undefined) return nestedProperty(name, placed, slot);
  return 'array' in field ? arrayProperty(name, field, offset) : stringProperty(name, field as StringField, offset);
}

/** The class of a layout's records, made once per layout, with a property for each field. */
export function makeRecordClass(layout: PlacedLayout): RecordClass {
  const names = layout.fields.map(({ name }) => name);
  const MadeRecord = class extends RecordBase {
    static fill(record: RecordBase, init: object): void {
      for (const key of Object.keys(init)) {
        if (!names.includes(key)) {
          throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `the record has no field ${describe(key)}`, {
            hint: `Its fields: ${names.join(', ')}.`,
          });
        }
        const value = (init as Record<string, unknown>)[key];
        if (value !== undefined) (record as unknown as Record<string, unknown>)[key] = value;
      }
    }

    get byteLength(): number {
      return layout.byteLength;
    }

    /** The fields as a plain object; arrays as arrays. */
    toJSON(): Record<string, unknown> {
      const json: Record<string, unknown> = {};
      for (const name of names) {
        const value = (this as unknown as Record<string, unknown>)[name];
        if (value instanceof RecordBase) json[name] = (value as unknown as { toJSON(): unknown }).toJSON();
        else json[name] = ArrayBuffer.isView(value) ? Array.from(value as unknown as Iterable<unknown>) : value;
      }
      return json;
    }
  };
  layout.fields.forEach((placed, slot) => {
    Object.defineProperty(MadeRecord.prototype, placed.name, {
      ...propertyOf(placed, slot),
      enumerable: true,
      configurable: false,
    });
  });
  return MadeRecord as unknown as RecordClass;
}
