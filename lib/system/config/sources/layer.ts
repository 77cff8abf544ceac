import { describe, nearest } from '../../../core';
import { type ConfigProblem, type ConfigSource, problem } from '../problems';
import { CONFIG_FIELDS, CONFIG_SECTIONS, type ConfigPath, fieldAt } from '../table';
import { readValue, type Scalar } from '../values';

/** One value and who said it. */
export interface Entry {
  readonly value: Scalar;
  readonly source: ConfigSource;
}

/** What one source says. */
export interface Layer {
  readonly entries: ReadonlyMap<ConfigPath, Entry>;
  /** Fields that it names with a value that cannot be read. */
  readonly broken: ReadonlySet<ConfigPath>;
  readonly problems: readonly ConfigProblem[];
}

/** A file of wrong keys alone would hold up a running service for seconds: each is compared with all right ones. */
export const MOST_PROBLEMS = 100;

/** Keys beside the sections, such as `preset`, and who takes their values. */
export type OtherKeys = Readonly<Record<string, (value: unknown, source: ConfigSource) => ConfigProblem | null>>;

function didYouMean(guess: string | undefined): string {
  return guess === undefined ? '' : ` Did you mean '${guess}'?`;
}

// Only plain objects: a Map, a date or an instance of some class would have keys that say nothing.
function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || (typeof prototype === 'object' && Object.getPrototypeOf(prototype) === null);
}

/** A tree read once, so that no getter of it can throw later or change its answer. @throws what its getters throw */
export function copyTree(tree: unknown): unknown {
  if (!isTable(tree)) return tree;
  const copy = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of Object.entries(tree)) {
    copy[key] = isTable(value) ? Object.assign(Object.create(null), value) : value;
  }
  return copy;
}

/** The field of the same name elsewhere, for a key that stands in the wrong section. */
function elsewhere(name: string): string | undefined {
  return CONFIG_FIELDS.find((field) => field.name === name)?.path;
}

function unknownTop(key: string, others: OtherKeys): string {
  const guess = elsewhere(key) ?? nearest(key, [...CONFIG_SECTIONS, ...Object.keys(others)]);
  return `unknown key ${describe(key)}.${didYouMean(guess)} Sections are ${CONFIG_SECTIONS.join(', ')}.`;
}

function unknownField(section: string, key: string): string {
  const names = CONFIG_FIELDS.filter((field) => field.section === section).map(({ name }) => name);
  const near = nearest(key, names);
  const guess = near === undefined ? elsewhere(key) : `${section}.${near}`;
  return `unknown key ${describe(`${section}.${key}`)}.${didYouMean(guess)} Keys there are ${names.join(', ')}.`;
}

/**
 * Reads a tree of sections and fields: that of a file, of code or of a preset. Everything that is wrong is noted, and what
 * is right is taken.
 *
 * @param sourceOf where a path of the tree stands
 */
export function readTree(tree: unknown, sourceOf: (path: string) => ConfigSource, others: OtherKeys = {}): Layer {
  const entries = new Map<ConfigPath, Entry>();
  const broken = new Set<ConfigPath>();
  const problems: ConfigProblem[] = [];
  const readField = (section: string, name: string, raw: unknown): void => {
    const source = sourceOf(`${section}.${name}`);
    const field = fieldAt(`${section}.${name}`);
    if (field === undefined) {
      problems.push(problem('unknown-key', source, unknownField(section, name)));
      return;
    }
    // Code may leave a field open on purpose.
    if (raw === undefined) return;
    try {
      entries.set(field.path, Object.freeze({ value: readValue(field, raw, field.path), source }));
    } catch (error) {
      broken.add(field.path);
      problems.push(badValue(error, source, field.path));
    }
  };
  if (!isTable(tree)) {
    problems.push(problem('bad-value', sourceOf(''), `sections are needed, got ${describe(tree)}`));
    return { entries, broken, problems };
  }
  for (const [key, value] of Object.entries(tree)) {
    const source = sourceOf(key);
    const other = Object.hasOwn(others, key) ? others[key] : undefined;
    const found = other?.(value, source) ?? null;
    if (found !== null) problems.push(found);
    if (other !== undefined || value === undefined) continue;
    if (problems.length >= MOST_PROBLEMS) break;
    if (!(CONFIG_SECTIONS as readonly string[]).includes(key)) {
      problems.push(problem('unknown-key', source, unknownTop(key, others)));
    } else if (!isTable(value)) {
      problems.push(problem('bad-value', source, `${key} is a section and no value, got ${describe(value)}`));
    } else {
      for (const [name, raw] of Object.entries(value)) {
        if (problems.length >= MOST_PROBLEMS) break;
        readField(key, name, raw);
      }
    }
  }
  if (problems.length >= MOST_PROBLEMS) {
    problems.push(problem('too-large', sourceOf(''), `${problems.length} problems; what follows was not read`));
  }
  return { entries, broken, problems };
}

/** A value that was refused, as a problem. */
export function badValue(error: unknown, source: ConfigSource, path: ConfigPath | null): ConfigProblem {
  const { message, hint } = error as { message: string; hint?: string };
  return problem('bad-value', source, message, { path, hint });
}
