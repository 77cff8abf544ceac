// Small helpers of the build scripts: finding tools and running them.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { ROOT } from './sources.mjs';

const require = createRequire(join(ROOT, 'package.json'));

/** Full path of a program on PATH, or undefined. */
export function findTool(name) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not here
    }
  }
  return undefined;
}

/** Runs a command with inherited output; throws when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${command} ended with ${result.signal ?? `code ${result.status}`}`);
}

/** Output of a command, trimmed; empty when it fails. */
export function capture(command, args) {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim() : '';
}

/** Folder of an installed package. */
export function packageFolder(name) {
  return dirname(require.resolve(`${name}/package.json`));
}

/** A script of an installed package, by the name of its command. */
export function packageCommand(name, command = name) {
  const { bin } = require(`${name}/package.json`);
  return join(packageFolder(name), typeof bin === 'string' ? bin : bin[command]);
}

/**
 * Environment for node-gyp: the headers that lie beside the running Node, where there are any, so that nothing is
 * downloaded; and a fixed time, so that two builds are equal.
 */
export function nodeGypEnvironment() {
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? { npm_config_nodedir: prefix } : {};
  const gyp = findTool('node-gyp')
    ? {}
    : { PATH: `${join(ROOT, 'node_modules', '.bin')}${delimiter}${process.env.PATH}` };
  return { ...headers, ...process.env, ...gyp, SOURCE_DATE_EPOCH: '0' };
}
