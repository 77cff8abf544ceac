/** The part of JSON Schema that docs/*.schema.json use; an unknown keyword is an error, never ignored. */
export interface Schema {
  readonly [keyword: string]: unknown;
}

const NOTES = new Set(['$schema', '$defs', 'title', 'description']);

type Rule = (
  value: unknown,
  argument: never,
  check: (value: unknown, schema: Schema, path: string) => string[],
  path: string,
) => string[];

const RULES: Readonly<Record<string, Rule>> = {
  type: (value, types: string | string[], _, path) =>
    [types].flat().includes(typeOf(value)) || ([types].flat().includes('number') && typeof value === 'number')
      ? []
      : [`${path} is ${typeOf(value)}, not ${[types].flat().join(' or ')}`],
  const: (value, wanted: unknown, _, path) => (value === wanted ? [] : [`${path} is not ${String(wanted)}`]),
  enum: (value, words: unknown[], _, path) => (words.includes(value) ? [] : [`${path} is ${String(value)}`]),
  minimum: (value, least: number, _, path) =>
    typeof value === 'number' && value < least ? [`${path} < ${least}`] : [],
  maximum: (value, most: number, _, path) => (typeof value === 'number' && value > most ? [`${path} > ${most}`] : []),
  minLength: (value, least: number, _, path) =>
    typeof value === 'string' && value.length < least ? [`${path} is too short`] : [],
  pattern: (value, pattern: string, _, path) =>
    typeof value === 'string' && !new RegExp(pattern).test(value) ? [`${path} is '${value}'`] : [],
  required: (value, keys: string[], _, path) =>
    isObject(value) ? keys.filter((key) => !Object.hasOwn(value, key)).map((key) => `${path}.${key} is missing`) : [],
  properties: (value, properties: Record<string, Schema>, check, path) =>
    isObject(value)
      ? Object.entries(properties).flatMap(([key, schema]) =>
          Object.hasOwn(value, key) ? check(value[key], schema, `${path}.${key}`) : [],
        )
      : [],
  items: (value, schema: Schema, check, path) =>
    Array.isArray(value) ? value.flatMap((item, index) => check(item, schema, `${path}[${index}]`)) : [],
};

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

/** What is wrong with a value, or an empty list. */
export function validate(value: unknown, root: Schema): string[] {
  const defs = (root['$defs'] ?? {}) as Record<string, Schema>;
  const check = (item: unknown, schema: Schema, path: string): string[] =>
    Object.entries(schema).flatMap(([keyword, argument]) => {
      if (NOTES.has(keyword) || keyword === 'then') return [];
      if (keyword === '$ref') return check(item, defs[String(argument).replace('#/$defs/', '')] ?? {}, path);
      if (keyword === 'allOf') return (argument as Schema[]).flatMap((one) => check(item, one, path));
      if (keyword === 'if') {
        return check(item, argument as Schema, path).length === 0
          ? check(item, (schema['then'] ?? {}) as Schema, path)
          : [];
      }
      const rule = RULES[keyword];
      return rule === undefined ? [`${path}: the schema uses ${keyword}`] : rule(item, argument as never, check, path);
    });
  return check(value, root, '$');
}

/** Keys that a value has and its schema does not describe: what is published must be described. */
export function undescribed(value: unknown, root: Schema): string[] {
  const defs = (root['$defs'] ?? {}) as Record<string, Schema>;
  const visit = (item: unknown, given: Schema, path: string): string[] => {
    const ref = given['$ref'];
    const schema = ref === undefined ? given : (defs[String(ref).replace('#/$defs/', '')] ?? {});
    if (Array.isArray(item)) {
      return item.flatMap((one) => visit(one, (schema['items'] ?? {}) as Schema, `${path}[]`));
    }
    if (!isObject(item)) return [];
    const properties = (schema['properties'] ?? {}) as Record<string, Schema>;
    return Object.entries(item).flatMap(([key, one]) => {
      const own = properties[key];
      return own === undefined ? [`${path}.${key}`] : visit(one, own, `${path}.${key}`);
    });
  };
  return [...new Set(visit(value, root, '$'))];
}
