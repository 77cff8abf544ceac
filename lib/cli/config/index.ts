import { statSync } from 'node:fs';
import { nearest } from '../../core';
import { CONFIG_FIELDS, type ConfigPath, type ConfigPreset, MemoryConfig } from '../../system';
import type { Arguments } from '../args';
import { UsageError } from '../errors';
import { type Surroundings, viewOf } from '../output';
import { renderConfig, renderExplanation } from './render';

/** `nebula-memory config`: every value, or one of them explained. @returns the exit code */
export function config(args: Arguments, around: Surroundings): number {
  const explained = args.explain === null ? null : readPath(args.explain);
  // A file that was typed is stronger than one that a variable names.
  const env = args.configFile === null ? around.env : { ...around.env, NEBULA_MEMORY_CONFIG: undefined };
  const loaded = MemoryConfig.load({
    env,
    ...(args.configFile === null ? {} : { file: existing(args.configFile) }),
    ...(args.preset === null ? {} : { preset: args.preset as ConfigPreset }),
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

/** A field by its path or by its variable. */
function readPath(word: string): ConfigPath {
  const found = CONFIG_FIELDS.find(({ path, env }) => path === word || env === word);
  if (found !== undefined) return found.path;
  const names = CONFIG_FIELDS.flatMap(({ path, env, name }) => [path, name, env]);
  const guess = nearest(word, names);
  const path = CONFIG_FIELDS.find((field) => [field.path, field.name, field.env].includes(guess ?? ''))?.path;
  const shown = word.slice(0, 60).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?');
  throw new UsageError(`unknown field '${shown}'${path === undefined ? '.' : `; did you mean '${path}'?`}`, 'config');
}

function existing(file: string): string {
  if (statSync(file, { throwIfNoEntry: false }) === undefined) {
    throw new UsageError(`there is no file '${file}'.`, 'config');
  }
  return file;
}
