import { PRESET_NAMES } from './presets';
import { CONFIG_FIELDS, CONFIG_SECTIONS, type ConfigField, SECTION_HELP } from './table';

type Schema = Readonly<Record<string, unknown>>;

/** As the loader reads it: digits are bounded, a plus may stand before them, and a minus before nothing but zero. */
const QUANTITY = '(\\+?\\d{1,30}(\\.\\d{1,30})?|-0{1,30}(\\.0{1,30})?)';
const SIZE = `^\\s*${QUANTITY}\\s*([KMGTP]iB|[kMGTP]B|B)?\\s*$`;
const TIME = `^\\s*${QUANTITY}\\s*(us|ms|s|m|min|h|d)?\\s*$`;
const LONGEST_QUANTITY = 100;
const PERCENT = '^\\s*\\d+(\\.\\d+)?\\s*%\\s*$';

function bounds({ min, max, multipleOf, type }: ConfigField): Schema {
  // Numbers of the loader are exact.
  const most = max ?? (type === 'number' || type === 'ratio' ? null : Number.MAX_SAFE_INTEGER);
  return {
    ...(min === null ? {} : { minimum: min }),
    ...(most === null ? {} : { maximum: most }),
    ...(multipleOf === null ? {} : { multipleOf }),
  };
}

function accepted(field: ConfigField): Schema[] {
  const { choices } = field;
  switch (field.type) {
    case 'bytes':
      return [
        { type: 'integer', ...bounds(field) },
        { type: 'string', maxLength: LONGEST_QUANTITY, pattern: SIZE },
      ];
    case 'duration':
      return [
        { type: 'number', ...bounds(field) },
        { type: 'string', maxLength: LONGEST_QUANTITY, pattern: TIME },
      ];
    case 'ratio':
      return [
        { type: 'number', ...bounds(field) },
        { type: 'string', pattern: PERCENT },
      ];
    case 'integer':
      return [choices.length > 0 ? { enum: choices } : { type: 'integer', ...bounds(field) }];
    case 'number':
      return [{ type: 'number', ...bounds(field) }];
    case 'boolean':
      return [{ type: 'boolean' }];
    case 'choice':
      return [{ enum: choices }];
  }
}

function describeField(field: ConfigField): Schema {
  const ways = [...accepted(field), ...(field.word === null ? [] : [{ const: field.word }])];
  const [only] = ways;
  return {
    description: `${field.help}. Variable ${field.env}.`,
    default: field.fallback,
    ...(ways.length === 1 ? only : { anyOf: ways }),
  };
}

/** The JSON schema of memory.json, and of what memory.toml holds: docs/config.schema.json is this. */
export function configSchema(): Schema {
  const sections = CONFIG_SECTIONS.map((section) => {
    const own = CONFIG_FIELDS.filter((field) => field.section === section);
    const properties = Object.fromEntries(own.map((field) => [field.name, describeField(field)]));
    return [
      section,
      { description: `${SECTION_HELP[section]}.`, type: 'object', additionalProperties: false, properties },
    ];
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of nebula-memory',
    description:
      'memory.json or memory.toml. Sizes are bytes or strings with a unit, times are milliseconds or the same.',
    type: 'object',
    additionalProperties: false,
    properties: {
      $schema: { type: 'string' },
      preset: { description: 'Values for what nobody says otherwise.', enum: PRESET_NAMES },
      ...Object.fromEntries(sections),
    },
  };
}
