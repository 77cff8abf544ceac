// `npm run test:nodes [-- --others] [FILE…]`: runs the suite on every Node.js version of package.json beside this file,
// with the one prebuilt binary, and prints a row per version. The versions are npm packages, installed here on demand.
// With --others the major version that runs this script is left out: `npm test` has just run it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { countsOf, failuresOf } from '../support/failures.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(dirname(HERE));
const JEST = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
const versions = Object.entries(JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8')).devDependencies).map(
  ([name, spec]) => ({
    name,
    version: spec.split('@').at(-1),
    program: join(HERE, 'node_modules', name, 'bin', 'node'),
  }),
);

function installed({ name, version }) {
  const manifest = join(HERE, 'node_modules', name, 'package.json');
  return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version;
}

function install() {
  if (versions.every(installed)) return;
  const flags = ['--ignore-scripts', '--no-package-lock', '--no-bin-links', '--no-audit', '--no-fund'];
  const result = spawnSync('npm', ['install', '--prefix', HERE, ...flags], {
    cwd: HERE,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (result.status !== 0) throw new Error('the Node.js versions could not be installed');
}

/** Runs the suite on one version; what failed is printed. */
function test({ name, program }, files) {
  const folder = mkdtempSync(join(tmpdir(), 'nebula-nodes-'));
  const report = join(folder, 'report.json');
  const started = Date.now();
  try {
    const args = [JEST, '--json', `--outputFile=${report}`, ...files];
    const result = spawnSync(program, args, {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
      maxBuffer: 2 ** 28,
    });
    const seconds = Math.round((Date.now() - started) / 1000);
    const found = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {};
    const counts = countsOf(found);
    // A run that ended badly, or ran nothing, is a failure whatever it counted.
    if (counts.failed === 0 && (result.status !== 0 || counts.passed === 0)) counts.failed = 1;
    if (counts.failed > 0) {
      const lines = failuresOf(found);
      console.log(`---- failed on ${name}\n${lines.length > 0 ? lines.join('\n') : result.stderr.slice(-8000)}`);
    }
    return { ...counts, seconds };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowOf(version, files) {
  const actual = spawnSync(version.program, ['-p', 'process.versions.node + " " + process.versions.napi'], {
    encoding: 'utf8',
  });
  const [node, api] = (actual.stdout ?? '').trim().split(' ');
  if (node !== version.version)
    return { node: version.version, api: '-', passed: 0, failed: 1, skipped: 0, seconds: 0 };
  return { node, api, ...test(version, files) };
}

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.log('the versions are Linux x64 programs: nothing to run on this machine');
} else {
  install();
  const words = process.argv.slice(2);
  const own = `${process.versions.node.split('.')[0]}.`;
  const chosen = versions.filter(({ version }) => !words.includes('--others') || !version.startsWith(own));
  const files = words.filter((word) => word !== '--others');
  const rows = chosen.map((version) => rowOf(version, files));
  console.log(
    ['Node.js', 'Node-API', 'passed', 'failed', 'skipped', 'seconds'].map((title) => title.padStart(9)).join(' '),
  );
  for (const row of rows)
    console.log(
      Object.values(row)
        .map((value) => String(value).padStart(9))
        .join(' '),
    );
  const sum = (key) => rows.reduce((total, row) => total + row[key], 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  process.exitCode = sum('failed') > 0 ? 1 : 0;
}
