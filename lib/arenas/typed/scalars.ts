import { checkBoolean } from '../../core';
import type { Scalar } from './layout';
import { isFloat, isI8, isI16, isI32, isI64, isU8, isU16, isU32, isU64, misfit } from './ranges';
import { beginOf, openRecord, type RecordBase } from './record';

/** Getter and setter of a field. */
export interface FieldProperty {
  get(this: RecordBase): unknown;
  set(this: RecordBase, value: unknown): void;
}

// Each kind is written out, so that the engine sees one type of array at each place that reads or writes: a shared body
// costs 25 ns a field instead of a few.
/** Makes the property of a scalar field, which lies `offset` bytes into the record. */
export const SCALAR_PROPERTIES: Readonly<Record<Scalar, (name: string, offset: number) => FieldProperty>> = {
  bool: (name, offset) => ({
    get() {
      return openRecord(this, name).bool[beginOf(this) + offset] !== 0;
    },
    set(value) {
      const { bool } = openRecord(this, name);
      bool[beginOf(this) + offset] = checkBoolean(`field '${name}'`, value) ? 1 : 0;
    },
  }),
  u8: (name, offset) => ({
    get() {
      return openRecord(this, name).u8[beginOf(this) + offset];
    },
    set(value) {
      const { u8 } = openRecord(this, name);
      if (!isU8(value)) throw misfit(`field '${name}'`, 'u8', value);
      u8[beginOf(this) + offset] = value;
    },
  }),
  i8: (name, offset) => ({
    get() {
      return openRecord(this, name).i8[beginOf(this) + offset];
    },
    set(value) {
      const { i8 } = openRecord(this, name);
      if (!isI8(value)) throw misfit(`field '${name}'`, 'i8', value);
      i8[beginOf(this) + offset] = value;
    },
  }),
  u16: (name, offset) => ({
    get() {
      return openRecord(this, name).u16[(beginOf(this) + offset) >> 1];
    },
    set(value) {
      const { u16 } = openRecord(this, name);
      if (!isU16(value)) throw misfit(`field '${name}'`, 'u16', value);
      u16[(beginOf(this) + offset) >> 1] = value;
    },
  }),
  i16: (name, offset) => ({
    get() {
      return openRecord(this, name).i16[(beginOf(this) + offset) >> 1];
    },
    set(value) {
      const { i16 } = openRecord(this, name);
      if (!isI16(value)) throw misfit(`field '${name}'`, 'i16', value);
      i16[(beginOf(this) + offset) >> 1] = value;
    },
  }),
  u32: (name, offset) => ({
    get() {
      return openRecord(this, name).u32[(beginOf(this) + offset) >> 2];
    },
    set(value) {
      const { u32 } = openRecord(this, name);
      if (!isU32(value)) throw misfit(`field '${name}'`, 'u32', value);
      u32[(beginOf(this) + offset) >> 2] = value;
    },
  }),
  i32: (name, offset) => ({
    get() {
      return openRecord(this, name).i32[(beginOf(this) + offset) >> 2];
    },
    set(value) {
      const { i32 } = openRecord(this, name);
      if (!isI32(value)) throw misfit(`field '${name}'`, 'i32', value);
      i32[(beginOf(this) + offset) >> 2] = value;
    },
  }),
  f32: (name, offset) => ({
    get() {
      return openRecord(this, name).f32[(beginOf(this) + offset) >> 2];
    },
    set(value) {
      const { f32 } = openRecord(this, name);
      if (!isFloat(value)) throw misfit(`field '${name}'`, 'f32', value);
      f32[(beginOf(this) + offset) >> 2] = value;
    },
  }),
  f64: (name, offset) => ({
    get() {
      return openRecord(this, name).f64[(beginOf(this) + offset) >> 3];
    },
    set(value) {
      const { f64 } = openRecord(this, name);
      if (!isFloat(value)) throw misfit(`field '${name}'`, 'f64', value);
      f64[(beginOf(this) + offset) >> 3] = value;
    },
  }),
  u64: (name, offset) => ({
    get() {
      return openRecord(this, name).u64[(beginOf(this) + offset) >> 3];
    },
    set(value) {
      const { u64 } = openRecord(this, name);
      if (!isU64(value)) throw misfit(`field '${name}'`, 'u64', value);
      u64[(beginOf(this) + offset) >> 3] = value;
    },
  }),
  i64: (name, offset) => ({
    get() {
      return openRecord(this, name).i64[(beginOf(this) + offset) >> 3];
    },
    set(value) {
      const { i64 } = openRecord(this, name);
      if (!isI64(value)) throw misfit(`field '${name}'`, 'i64', value);
      i64[(beginOf(this) + offset) >> 3] = value;
    },
  }),
};
