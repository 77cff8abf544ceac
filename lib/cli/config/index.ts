import { statSync } from 'node:fs';
import { nearest, printable } from '../../core';
import { CONFIG_FIELDS, type ConfigPath, MemoryConfig } from '../../system';
import type { Arguments } from '../args';
import { UsageError } from '../errors';
import { type Surroundings, viewOf } from '../output';
import { renderConfig, renderExplanation } from './render';

const FILE_VARIABLE = 'NEBULA_MEMORY_CONFIG';
const PRESET_VARIABLE = 'NEBULA_MEMORY_PRESET';

/** `nebula-memory config`: every value, or one of them explained. @returns the exit code */
export function config(args: Arguments, around: Surroundings): number {
  const explained = args.explain === null ? null : readPath(args.explain);
  const loaded = MemoryConfig.load({
    env: environmentOf(args, around),
    ...(args.configFile === null ? {} : { file: existing(args.configFile) }),
  });
  if (args.json) {
    const { configJson } = require('./json') as typeof import('./json');
    around.stdout.write(configJson(loaded, explained, new Date()));
    return 0;
  }
  const view = viewOf(args, around);
  around.stdout.write(explained === null ? renderConfig(loaded, view) : renderExplanation(loaded, explained, view));
  return 0;
}

/** A file and a preset that were typed are stronger than those that a variable or a file names. */
function environmentOf({ configFile, preset }: Arguments, { env }: Surroundings): Surroundings['env'] {
  const typed = [...(configFile === null ? [] : [FILE_VARIABLE]), ...(preset === null ? [] : [PRESET_VARIABLE])];
  // In any case: that of names does not matter on Windows.
  const others = Object.entries(env).filter(([name]) => !typed.includes(name.toUpperCase()));
  return { ...Object.fromEntries(others), ...(preset === null ? {} : { [PRESET_VARIABLE]: preset }) };
}

/** A field by its path or by its variable. */
function readPath(word: string): ConfigPath {
  const found = CONFIG_FIELDS.find(({ path, env }) => path === word || env === word);
  if (found !== undefined) return found.path;
  const names = CONFIG_FIELDS.flatMap(({ path, env, name }) => [path, name, env]);
  const guess = nearest(word, names);
  const path = CONFIG_FIELDS.find((field) => [field.path, field.name, field.env].includes(guess ?? ''))?.path;
  throw new UsageError(
    `unknown field '${printable(word.slice(0, 60))}'${path === undefined ? '.' : `; did you mean '${path}'?`}`,
    'config',
  );
}

function existing(file: string): string {
  if (statSync(file, { throwIfNoEntry: false }) === undefined) {
    throw new UsageError(`there is no file '${printable(file)}'.`, 'config');
  }
  return file;
}
