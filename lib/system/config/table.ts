import type { Field, FieldType } from './field';
import { ALLOCATOR } from './fields/allocator';
import { ARENA } from './fields/arena';
import { BUDGET } from './fields/budget';
import { MONITOR } from './fields/monitor';
import { POOL } from './fields/pool';
import { PROVIDER } from './fields/provider';
import { STATS } from './fields/stats';
import { SYSTEM } from './fields/system';

/** Every setting there is: files, variables, code, the schema, the command and the pages are read or made from it. */
export const FIELDS = Object.freeze({
  provider: PROVIDER,
  allocator: ALLOCATOR,
  pool: POOL,
  arena: ARENA,
  budget: BUDGET,
  stats: STATS,
  monitor: MONITOR,
  system: SYSTEM,
});

export const SECTION_HELP: Readonly<Record<ConfigSection, string>> = Object.freeze({
  provider: 'Where pages come from, and how freed ones are kept',
  allocator: 'The default allocator',
  pool: 'Pools of equal blocks',
  arena: 'Arenas, also those of several threads and of streams',
  budget: 'Limits, and how they are shared',
  stats: 'What is counted and recorded',
  monitor: 'When memory counts as short, and how fast it is answered',
  system: 'MemorySystem: which requests go where, and which are served when memory is short',
});

type Table = typeof FIELDS;

export type ConfigSection = keyof Table & string;

type FieldName<S extends ConfigSection> = keyof Table[S] & string;

/** Every field by its path, such as `arena.chunkBytes`. */
export type ConfigPath = { [S in ConfigSection]: `${S}.${FieldName<S>}` }[ConfigSection];

/** All values, by section: numbers of bytes and of milliseconds, ratios, words. */
export type ConfigValues = {
  readonly [S in ConfigSection]: {
    readonly [F in FieldName<S>]: Table[S][F] extends Field<infer T, infer _> ? T : never;
  };
};

/** What may be set in code: sizes and time spans as numbers or strings with a unit. */
export type ConfigInput = {
  readonly [S in ConfigSection]?: {
    readonly [F in FieldName<S>]?: Table[S][F] extends Field<infer _, infer I> ? I : never;
  };
};

/** The value of one field. */
export type ConfigValue<P extends ConfigPath> = P extends `${infer S}.${infer F}`
  ? S extends ConfigSection
    ? F extends keyof ConfigValues[S]
      ? ConfigValues[S][F]
      : never
    : never
  : never;

/** A field as the tools show it. */
export interface ConfigField {
  readonly path: ConfigPath;
  readonly section: ConfigSection;
  readonly name: string;
  /** Environment variable, such as `NEBULA_MEMORY_ARENA_CHUNK_BYTES`. */
  readonly env: string;
  readonly type: FieldType;
  readonly unit: string;
  readonly help: string;
  readonly fallback: number | string | boolean;
  readonly min: number | null;
  readonly max: number | null;
  readonly multipleOf: number | null;
  readonly choices: readonly (string | number)[];
  readonly word: string | null;
  /** Null: taken over by a reload. Else why not. */
  readonly restart: string | null;
}

export const ENV_PREFIX = 'NEBULA_MEMORY_';

function shout(word: string): string {
  return word.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function listFields(): ConfigField[] {
  return Object.entries(FIELDS).flatMap(([section, fields]) =>
    Object.entries(fields as Readonly<Record<string, Field>>).map(([name, field]) =>
      Object.freeze({
        ...field,
        path: `${section}.${name}` as ConfigPath,
        section: section as ConfigSection,
        name,
        env: `${ENV_PREFIX}${shout(section)}_${shout(name)}`,
        fallback: field.fallback as number | string | boolean,
      }),
    ),
  );
}

/** Every field, in the order of the sections. */
export const CONFIG_FIELDS: readonly ConfigField[] = Object.freeze(listFields());

export const CONFIG_SECTIONS = Object.freeze(Object.keys(FIELDS) as ConfigSection[]);

const BY_PATH = new Map<string, ConfigField>(CONFIG_FIELDS.map((field) => [field.path, field]));

export function fieldAt(path: string): ConfigField | undefined {
  return BY_PATH.get(path);
}
