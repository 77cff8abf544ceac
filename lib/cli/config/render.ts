import { printable } from '../../core';
import {
  CONFIG_FIELDS,
  CONFIG_PRESETS,
  CONFIG_SECTION_HELP,
  type ConfigField,
  type ConfigPath,
  formatConfigRange,
  formatConfigSource,
  formatConfigValue,
  type MemoryConfig,
} from '../../system';
import { fields, indent, inner, paragraph, section, stack } from '../render/layout';
import { type Column, table } from '../render/table';
import { type Rich, span, wrap } from '../render/text';
import type { View } from '../render/view';

const COLUMNS: readonly Column[] = [
  { title: 'field' },
  { title: 'value', align: 'right' },
  { title: 'unit' },
  { title: 'source', least: 20 },
];

/** Every value with its unit and its source, by section. */
export function renderConfig(config: MemoryConfig, view: View): string {
  const sections = Object.entries(CONFIG_SECTION_HELP).map(([name, help]) => {
    const own = CONFIG_FIELDS.filter((field) => field.section === name);
    const rows = own.map((field) => rowOf(config, field, view));
    return section(view, `[${name}]`, indent(table(inner(view), COLUMNS, rows)), view.quiet ? '' : help);
  });
  return stack([wrap(view, title(config), view.width), ...sections, hints(view)]);
}

function title({ preset, file }: MemoryConfig): Rich {
  const read = file === null ? 'no file' : printable(file);
  return [span('Configuration', 'strong'), `  ${preset === null ? 'no preset' : `preset ${preset}`}, ${read}`];
}

function rowOf(config: MemoryConfig, field: ConfigField, view: View): Rich[] {
  const source = config.sourceOf(field.path);
  const isDefault = source.kind === 'default';
  return [
    field.name,
    span(formatConfigValue(field, config.get(field.path), view.bytes), isDefault ? undefined : 'strong'),
    span(unitOf(field, view), 'dim'),
    span(formatConfigSource(source), isDefault ? 'dim' : 'accent'),
  ];
}

/** Rounded sizes and times carry their unit in the value. */
function unitOf({ type, unit }: ConfigField, view: View): string {
  if (view.bytes) return unit;
  return type === 'bytes' ? 'size' : type === 'duration' ? 'time' : unit;
}

function hints(view: View): string[] {
  if (view.quiet) return [];
  return [
    ...wrap(
      view,
      'The strongest counts: environment, file, code, preset, default. Code is not seen from here.',
      view.width,
    ),
    ...wrap(
      view,
      'One field with all who say something of it: nebula-memory config --explain arena.chunkBytes',
      view.width,
    ),
  ];
}

/** One field: what it means, what it takes, and everybody who says something of it. */
export function renderExplanation(config: MemoryConfig, path: ConfigPath, view: View): string {
  const field = CONFIG_FIELDS.find((one) => one.path === path) as ConfigField;
  const show = (value: number | string | boolean): string => formatConfigValue(field, value, view.bytes);
  const [strongest, ...weaker] = config.candidatesOf(path);
  const facts = [
    { label: 'value', value: [span(show(config.get(path)), 'strong'), ` (${unitOf(field, view)})`] },
    { label: 'source', value: strongest === undefined ? '' : formatConfigSource(strongest.source) },
    { label: 'values', value: formatConfigRange(field) },
    { label: 'default', value: show(field.fallback) },
    { label: 'variable', value: field.env },
    { label: 'in a file', value: `${path} = ${JSON.stringify(exampleOf(field))}` },
    {
      label: 'reload',
      value: field.restart === null ? 'taken over while it runs' : `needs a restart: ${field.restart}`,
    },
  ];
  const overridden = weaker.map(({ value, source }) => ({ label: formatConfigSource(source), value: show(value) }));
  const presets = presetRows(field, show);
  return stack([
    wrap(view, span(path, 'strong'), view.width),
    wrap(view, `${field.help}.`, view.width),
    indent(fields(inner(view), facts)),
    overridden.length === 0 ? [] : section(view, 'Also said, and weaker', indent(fields(inner(view), overridden))),
    presets.length === 0 || view.quiet ? [] : section(view, 'In presets', indent(fields(inner(view), presets))),
    view.quiet ? [] : paragraph(view, span('Fields and presets: docs/config.md', 'dim')),
  ]);
}

/** A value as a file would hold it. */
function exampleOf(field: ConfigField): string | number | boolean {
  const { fallback, type } = field;
  if (typeof fallback !== 'number' || (type !== 'bytes' && type !== 'duration')) return fallback;
  return formatConfigValue(field, fallback).replace(' ', '');
}

function presetRows(
  field: ConfigField,
  show: (value: string | number | boolean) => string,
): { label: string; value: string }[] {
  return Object.entries(CONFIG_PRESETS).flatMap(([name, tree]) => {
    const own = (tree as Readonly<Record<string, Readonly<Record<string, string | number | boolean>> | undefined>>)[
      field.section
    ];
    const value = own?.[field.name];
    return value === undefined ? [] : [{ label: name, value: show(value) }];
  });
}
