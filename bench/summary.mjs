// RESULTS.md from results/*.json: every claim with what was reached, beside its target. Written by run.mjs.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HERE } from './harness.mjs';

/** The results of the oldest Node.js that is supported stand alone in their name. */
const OLDEST = 20;

export function resultFile(name) {
  const major = Number(process.versions.node.split('.')[0]);
  return join(HERE, 'results', major === OLDEST ? `${name}.json` : `${name}.node${major}.json`);
}

export function digits(number) {
  if (!Number.isFinite(number)) return '-';
  if (number >= 100 || number === 0) return String(Math.round(number));
  return number.toPrecision(3);
}

const cell = (text) => String(text).replaceAll('|', '\\|');

function section({ name, title, date, quick, machine, claims, notes = [] }) {
  const { node, cpu, cpus, memoryMiB, kernel, load } = machine;
  const rows = claims.map(({ text, reached, sign, target, met }) => {
    const verdict = met === undefined ? 'ratio' : met ? 'met' : '**missed**';
    return `| ${cell(text)} | ${digits(reached)} | ${met === undefined ? '' : `${sign} ${target}`} | ${verdict} |`;
  });
  return [
    `## ${name}, Node.js ${node.replace(/^v/, '')}`,
    '',
    `${title}. ${date.slice(0, 10)}, ${cpu}, ${cpus} CPUs, ${memoryMiB} MiB, Linux ${kernel}, load ${load}${quick ? ', a quick run' : ''}.`,
    '',
    ...(rows.length === 0 ? [] : ['| | reached | target | |', '| --- | --: | --: | --- |', ...rows, '']),
    ...notes.map((note) => `- ${note}`),
    ...(notes.length === 0 ? [] : ['']),
  ].join('\n');
}

export function writeSummary() {
  const folder = join(HERE, 'results');
  const results = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')));
  const head =
    '# Results\n\nWritten by `npm run bench` from `results/*.json`, where the samples are. Method and bias: [README](README.md).\n\n';
  writeFileSync(join(HERE, 'RESULTS.md'), `${head}${results.map(section).join('\n')}`);
}
