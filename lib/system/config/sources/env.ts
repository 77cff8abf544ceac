import { describe, nearest } from '../../../core';
import { type ConfigProblem, problem } from '../problems';
import { CONFIG_FIELDS, type ConfigField, type ConfigPath, ENV_PREFIX } from '../table';
import { readText } from '../values';
import { badValue, type Entry, type Layer, MOST_PROBLEMS } from './layer';

export type Environment = Readonly<Record<string, string | undefined>>;

export const FILE_VARIABLE = `${ENV_PREFIX}CONFIG`;
export const PRESET_VARIABLE = `${ENV_PREFIX}PRESET`;
/** Read where the native part is loaded. */
const FOREIGN = [`${ENV_PREFIX}BINDING`, `${ENV_PREFIX}BUILD`];

const BY_NAME: ReadonlyMap<string, ConfigField> = new Map(CONFIG_FIELDS.map((field) => [field.env, field]));
const KNOWN = [...BY_NAME.keys(), FILE_VARIABLE, PRESET_VARIABLE, ...FOREIGN];

export interface EnvLayer extends Layer {
  /** The file and the preset that the environment names. */
  readonly file: string | undefined;
  readonly preset: string | undefined;
}

/** One variable as it is written, and what it is called here. */
interface Variable {
  readonly name: string;
  readonly known: string;
}

/**
 * Every variable whose name begins with `NEBULA_MEMORY_`, in whatever case: one in lower case is misspelt, and not somebody
 * else's. On Windows, where case does not matter, it is the same one.
 */
function variablesOf(env: Environment, platform: string): Variable[] {
  return Object.keys(env)
    .sort()
    .filter((name) => name.slice(0, ENV_PREFIX.length).toUpperCase() === ENV_PREFIX)
    .map((name) => ({ name, known: platform === 'win32' && /^\w+$/.test(name) ? name.toUpperCase() : name }));
}

/**
 * Reads every variable that begins with `NEBULA_MEMORY_`. An empty one counts as not set.
 *
 * @param platform for tests
 */
export function readEnvironment(env: Environment, platform: string = process.platform): EnvLayer {
  const entries = new Map<ConfigPath, Entry>();
  const broken = new Set<ConfigPath>();
  const problems: ConfigProblem[] = [];
  const texts = new Map<string, string>();
  const variables = quietly(() => variablesOf(env, platform));
  if (variables === null) {
    problems.push(problem('bad-value', { kind: 'env', name: `${ENV_PREFIX}*` }, 'the environment cannot be read'));
  }
  for (const { name, known } of variables ?? []) {
    const source = Object.freeze({ kind: 'env', name } as const);
    if (problems.length >= MOST_PROBLEMS) {
      problems.push(problem('too-large', source, `${problems.length} problems; what follows was not read`));
      break;
    }
    const text: unknown = quietly(() => env[name] ?? '');
    if (text === '') continue;
    if (typeof text !== 'string') {
      problems.push(problem('bad-value', source, `a variable is a text, got ${describe(text)}`));
      continue;
    }
    if (texts.has(known)) {
      problems.push(problem('contradiction', source, `${describe(known)} is said twice`));
      continue;
    }
    texts.set(known, text);
    const field = BY_NAME.get(known);
    if (field === undefined) {
      if (!KNOWN.includes(known)) problems.push(problem('unknown-key', source, unknownVariable(known)));
      continue;
    }
    try {
      entries.set(field.path, Object.freeze({ value: readText(field, text, name), source }));
    } catch (error) {
      broken.add(field.path);
      problems.push(badValue(error, source, field.path));
    }
  }
  return { entries, broken, problems, file: texts.get(FILE_VARIABLE), preset: texts.get(PRESET_VARIABLE) };
}

function unknownVariable(name: string): string {
  // Without the prefix, which would make everything near.
  const bare = (one: string): string => one.slice(ENV_PREFIX.length);
  const guess = nearest(bare(name), KNOWN.map(bare));
  const hint = guess === undefined ? 'See docs/config.md for the names.' : `Did you mean '${ENV_PREFIX}${guess}'?`;
  return `unknown variable. ${hint}`;
}

/** Null for what a getter or a proxy throws. */
function quietly<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
