// Writes docs/config.schema.json and the table of fields in docs/config.md from the table in lib/system/config, so that they
// cannot say anything else than the code.
//   node lib/scripts/config-pages.mjs [--check]
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const SCHEMA = join(ROOT, 'docs', 'config.schema.json');
const PAGE = join(ROOT, 'docs', 'config.md');
const [BEGIN, END] = ['<!-- fields: begin -->', '<!-- fields: end -->'];

function cell(text) {
  return String(text).replaceAll('|', '\\|');
}

/** One table for each section. */
function tables({ CONFIG_FIELDS, CONFIG_SECTION_HELP, formatConfigRange, formatConfigValue }) {
  const sections = Object.entries(CONFIG_SECTION_HELP).map(([section, help]) => {
    const rows = CONFIG_FIELDS.filter((field) => field.section === section).map((field) =>
      [
        `\`${field.name}\``,
        field.help,
        formatConfigRange(field),
        formatConfigValue(field, field.fallback),
        field.restart === null ? 'yes' : 'no',
      ]
        .map(cell)
        .join(' | '),
    );
    const head = ['| field | what it says | values | default | reload |', '| --- | --- | --- | --- | --- |'];
    return [`### [${section}]`, '', `${help}.`, '', ...head, ...rows.map((row) => `| ${row} |`)].join('\n');
  });
  return `\n${sections.join('\n\n')}\n`;
}

/** The page with the tables in the place of those that it has. */
function withTables(page, text) {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`docs/config.md needs ${BEGIN} and ${END}`);
  return `${before}${BEGIN}\n${text}\n${END}${after}`;
}

const config = createRequire(import.meta.url)(join(ROOT, 'dist', 'system', 'config'));
const page = readFileSync(PAGE, 'utf8');
const wanted = withTables(page, tables(config));
const schema = JSON.parse(JSON.stringify(config.configSchema()));
if (!process.argv.includes('--check')) {
  writeFileSync(PAGE, wanted);
  writeFileSync(SCHEMA, `${JSON.stringify(schema, null, 2)}\n`);
} else {
  const stale = [];
  if (page !== wanted) stale.push('docs/config.md');
  if (!isDeepStrictEqual(JSON.parse(readFileSync(SCHEMA, 'utf8')), schema)) stale.push('docs/config.schema.json');
  if (stale.length > 0) {
    process.stderr.write(`${stale.join(' and ')} stale: node lib/scripts/config-pages.mjs\n`);
    process.exitCode = 1;
  }
}
