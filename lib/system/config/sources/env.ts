import { describe, nearest } from '../../../core';
import { type ConfigProblem, problem } from '../problems';
import { CONFIG_FIELDS, type ConfigPath, ENV_PREFIX } from '../table';
import { readText } from '../values';
import { badValue, type Entry, type Layer } from './layer';

export type Environment = Readonly<Record<string, string | undefined>>;

export const FILE_VARIABLE = `${ENV_PREFIX}CONFIG`;
export const PRESET_VARIABLE = `${ENV_PREFIX}PRESET`;
/** Read where the native part is loaded. */
const FOREIGN = [`${ENV_PREFIX}BINDING`, `${ENV_PREFIX}BUILD`];

export interface EnvLayer extends Layer {
  /** The file and the preset that the environment names. */
  readonly file: string | undefined;
  readonly preset: string | undefined;
}

/** Reads every variable that begins with `NEBULA_MEMORY_`. An empty one counts as not set. */
export function readEnvironment(env: Environment): EnvLayer {
  const byName = new Map(CONFIG_FIELDS.map((field) => [field.env, field]));
  const entries = new Map<ConfigPath, Entry>();
  const broken = new Set<ConfigPath>();
  const problems: ConfigProblem[] = [];
  const known = [...byName.keys(), FILE_VARIABLE, PRESET_VARIABLE, ...FOREIGN];
  for (const name of Object.keys(env).sort()) {
    const text = env[name];
    if (!name.startsWith(ENV_PREFIX) || text === undefined || text === '') continue;
    const source = Object.freeze({ kind: 'env', name } as const);
    const field = byName.get(name);
    if (typeof text !== 'string') {
      problems.push(problem('bad-value', source, `a variable is a text, got ${describe(text)}`));
    } else if (field !== undefined) {
      try {
        entries.set(field.path, { value: readText(field, text, name), source });
      } catch (error) {
        broken.add(field.path);
        problems.push(badValue(error, source, field.path));
      }
    } else if (!known.includes(name)) {
      // Without the prefix, which would make everything near.
      const guess = nearest(
        name.slice(ENV_PREFIX.length),
        known.map((one) => one.slice(ENV_PREFIX.length)),
      );
      const hint = guess === undefined ? 'See docs/config.md for the names.' : `Did you mean '${ENV_PREFIX}${guess}'?`;
      problems.push(problem('unknown-key', source, `unknown variable. ${hint}`));
    }
  }
  return {
    entries,
    broken,
    problems,
    file: textOf(env, FILE_VARIABLE),
    preset: textOf(env, PRESET_VARIABLE),
  };
}

function textOf(env: Environment, name: string): string | undefined {
  const text: unknown = env[name];
  return typeof text === 'string' && text !== '' ? text : undefined;
}
