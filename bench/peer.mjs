import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const FLAGS = ['--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock'];

/**
 * A peer's package, installed into a temporary folder for the run, so that the project depends on none of them; null
 * where it cannot be had.
 *
 * @param wanted name and version, such as `tarn@3.1.2`
 */
export async function peer(wanted) {
  const folder = mkdtempSync(join(tmpdir(), 'nebula-bench-'));
  try {
    const done = spawnSync('npm', ['install', '--prefix', folder, ...FLAGS, wanted], { stdio: 'ignore' });
    if (done.status !== 0) return null;
    const name = wanted.slice(0, wanted.lastIndexOf('@'));
    const file = createRequire(join(folder, 'index.js')).resolve(name);
    const loaded = await import(pathToFileURL(file).href);
    return loaded.default ?? loaded;
  } catch {
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
