import { checkInteger, checkOneOf, checkString, describe, memoryError } from '../../core';

/** Kinds of one value: integers, floats, 64-bit integers as bigint, and true or false in a byte. */
export const SCALARS = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'f64', 'u64', 'i64', 'bool'] as const;
/** One of {@link SCALARS}. */
export type Scalar = (typeof SCALARS)[number];

/** Bytes of each kind, which are its alignment too. */
export const SCALAR_BYTES: Readonly<Record<Scalar, number>> = Object.freeze({
  u8: 1,
  i8: 1,
  bool: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  f64: 8,
  u64: 8,
  i64: 8,
});

/** A fixed number of values of one kind. */
export interface ArrayField {
  /** Of what. */
  readonly array: Scalar;
  /** How many, 1 and more. What alloc() does not give is zero. */
  readonly length: number;
}
/** Text of at most so many bytes of UTF-8. */
export interface StringField {
  /** Bytes, 1 and more; 4 bytes are added for the length. */
  readonly string: number;
}
/** A record inside the record. */
export interface RecordField {
  /** Its fields; 16 levels at most. */
  readonly record: RecordLayout;
}
/** What a field can be. */
export type Field = Scalar | ArrayField | StringField | RecordField;

/** The fields of a record in their order, by name. Memory is laid out as a C compiler does: each field at its alignment. */
export interface RecordLayout {
  readonly [name: string]: Field;
}

interface Views {
  u8: Uint8Array;
  i8: Int8Array;
  bool: Uint8Array;
  u16: Uint16Array;
  i16: Int16Array;
  u32: Uint32Array;
  i32: Int32Array;
  f32: Float32Array;
  f64: Float64Array;
  u64: BigUint64Array;
  i64: BigInt64Array;
}

type ScalarValue<S extends Scalar> = S extends 'bool' ? boolean : S extends 'u64' | 'i64' ? bigint : number;

/** What reading a field gives. Arrays are views over the arena's memory. */
export type FieldValue<F> = F extends Scalar
  ? ScalarValue<F>
  : F extends { readonly array: infer S extends Scalar }
    ? Views[S]
    : F extends StringField
      ? string
      : F extends { readonly record: infer L extends RecordLayout }
        ? RecordFields<L>
        : never;

/** What a field takes. */
export type FieldInit<F> = F extends { readonly array: infer S extends Scalar }
  ? Iterable<S extends 'bool' ? boolean | number : ScalarValue<S>>
  : F extends { readonly record: infer L extends RecordLayout }
    ? RecordInit<L>
    : FieldValue<F>;

/** The fields of a record as properties that read and write the arena's memory. */
export type RecordFields<L extends RecordLayout> = { -readonly [K in keyof L]: FieldValue<L[K]> };
/** First values; what is left out is zero, false or ''. */
export type RecordInit<L extends RecordLayout> = { readonly [K in keyof L]?: FieldInit<L[K]> };

/** One field with its place. Internal. */
export interface PlacedField {
  readonly name: string;
  readonly field: Field;
  /** Bytes from the record's begin. */
  readonly offset: number;
  /** The layout inside, for a record. */
  readonly nested: PlacedLayout | undefined;
}

/** A layout with places. Sizes are bytes. */
export interface PlacedLayout {
  /** In their order. */
  readonly fields: readonly PlacedField[];
  /** Of a record, a multiple of `alignment`. */
  readonly byteLength: number;
  /** That of the field with the largest. */
  readonly alignment: number;
}

// A record has properties of its own by these names; those that end in $ are kept for later.
const RESERVED = ['offset', 'byteLength', 'valid', 'moveTo', 'toJSON', 'assign', 'constructor', '__proto__'];
const MOST_BYTES = 2 ** 24;

/** What a layout lies in: the names on the way to it, and the layouts around it. */
interface Nesting {
  readonly path: readonly string[];
  readonly around: readonly object[];
}
const TOP: Nesting = Object.freeze({ path: [], around: [] });

/** Lays a record out. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function placeLayout(where: string, layout: unknown, { path, around }: Nesting = TOP): PlacedLayout {
  const here = path.length === 0 ? where : `${where}: field ${describe(path.join('.'))}`;
  if (typeof layout !== 'object' || layout === null || Array.isArray(layout)) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${here}: a layout must be an object, got ${describe(layout)}`);
  }
  if (around.includes(layout)) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${here}: the layout contains itself`, {
      hint: "Records refer to each other by offset: a 'u32' or 'f64' field for record.offset.",
    });
  }
  if (path.length > 16) throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${here}: records nest at most 16 deep`);
  const fields: PlacedField[] = [];
  let end = 0;
  let alignment = 1;
  for (const [name, field] of Object.entries(layout)) {
    const inner = { path: [...path, name], around: [...around, layout] };
    const what = `${where}: field ${describe(inner.path.join('.'))}`;
    checkString(what, name, 200);
    if (RESERVED.includes(name) || name.endsWith('$')) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `${what} cannot have this name: records have a property so named`,
      );
    }
    const { copy, nested, byteLength, align } = placeField(where, what, field, inner);
    const offset = Math.ceil(end / align) * align;
    fields.push(Object.freeze({ name, field: copy, offset, nested }));
    end = offset + byteLength;
    alignment = Math.max(alignment, align);
  }
  if (fields.length === 0) throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: a layout needs a field`);
  const byteLength = Math.ceil(end / alignment) * alignment;
  if (byteLength > MOST_BYTES) {
    throw memoryError('ERR_MEMORY_OUT_OF_RANGE', `${where}: a record of ${byteLength} bytes is above ${MOST_BYTES}`);
  }
  return Object.freeze({ fields: Object.freeze(fields), byteLength, alignment });
}

function placeField(
  where: string,
  what: string,
  given: unknown,
  nesting: Nesting,
): { copy: Field; nested: PlacedLayout | undefined; byteLength: number; align: number } {
  if (typeof given === 'string') {
    const copy = checkOneOf(what, given, SCALARS);
    return { copy, nested: undefined, byteLength: SCALAR_BYTES[copy], align: SCALAR_BYTES[copy] };
  }
  const { array, length, string, record } = (given ?? {}) as Partial<ArrayField & StringField & RecordField>;
  if (array !== undefined) {
    const kind = checkOneOf(`${what}: array`, array, SCALARS);
    const count = checkInteger(`${what}: length`, length, 1, MOST_BYTES);
    const align = SCALAR_BYTES[kind];
    return { copy: { array: kind, length: count }, nested: undefined, byteLength: align * count, align };
  }
  if (string !== undefined) {
    const capacity = checkInteger(`${what}: string`, string, 1, MOST_BYTES);
    return { copy: { string: capacity }, nested: undefined, byteLength: 4 + capacity, align: 4 };
  }
  if (record !== undefined) {
    const nested = placeLayout(where, record, nesting);
    return { copy: { record }, nested, byteLength: nested.byteLength, align: nested.alignment };
  }
  throw memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${what} must be one of ${SCALARS.join(', ')}, { array, length }, { string } or { record }, got ${describe(given)}`,
  );
}
