// `npm run bench [-- --quick] [-- NAME…]`: runs the benchmarks of claims/, each in a process of its own, prints a table
// and writes results/NAME.json (NAME.nodeNN.json on a Node.js other than the oldest) and RESULTS.md. Exit code 0 also where a target was missed: numbers are reported, not asserted.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HERE, machineFacts } from './harness.mjs';
import { digits, resultFile, writeSummary } from './summary.mjs';

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const one = args.find((word) => word.startsWith('--one='))?.slice('--one='.length);
const names = args.filter((word) => !word.startsWith('--'));
const all = readdirSync(join(HERE, 'claims'))
  .map((file) => file.replace(/\.mjs$/, ''))
  .sort();

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  ');
  return rows.map(line).join('\n');
}

function print({ name, title, unit, rows, claims, notes, extra = {} }) {
  console.log(`\n${name}: ${title}`);
  const keys = Object.keys(extra);
  const head = [
    '',
    `median ${unit}`,
    'least',
    'most',
    'GC ms',
    'GCs',
    'GC max ms',
    'RSS MiB',
    ...keys.map((key) => extra[key]),
  ];
  const cells = rows.map((row) => [
    `  ${row.name}`,
    ...['median', 'least', 'most', 'gcMs', 'gcCount', 'gcLongestMs', 'rssMiB', ...keys].map((key) => digits(row[key])),
  ]);
  console.log(table([head, ...cells]));
  for (const { text, reached, sign, target, met } of claims) {
    const verdict = met === undefined ? 'ratio ' : met ? 'met   ' : 'MISSED';
    console.log(`  ${verdict}  ${text}: ${digits(reached)}${met === undefined ? '' : ` (${sign} ${target})`}`);
  }
  for (const note of notes ?? []) console.log(`  note: ${note}`);
}

if (one !== undefined) {
  const { default: benchmark } = await import(`./claims/${one}.mjs`);
  const machine = machineFacts();
  const result = { name: one, quick, date: new Date().toISOString(), machine, ...(await benchmark({ quick })) };
  print(result);
  mkdirSync(join(HERE, 'results'), { recursive: true });
  writeFileSync(resultFile(one), `${JSON.stringify(result, null, 2)}\n`);
} else {
  const unknown = names.filter((name) => !all.includes(name));
  if (unknown.length > 0) {
    console.error(`no such benchmark: ${unknown.join(', ')}; there are ${all.join(', ')}`);
    process.exit(2);
  }
  for (const name of names.length > 0 ? names : all) {
    const flags = ['--expose-gc', join(HERE, 'run.mjs'), `--one=${name}`, ...(quick ? ['--quick'] : [])];
    const { status } = spawnSync(process.execPath, flags, { stdio: 'inherit' });
    if (status !== 0) process.exitCode = 1;
  }
  writeSummary();
}
