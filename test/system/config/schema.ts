/** A JSON schema. */
export interface Schema {
  readonly [keyword: string]: unknown;
}

/** The keywords that the schema uses; any other is an error of this test. */
export function accepts(schema: Schema, value: unknown): boolean {
  return Object.entries(schema).every(([keyword, argument]) => {
    switch (keyword) {
      case '$schema':
      case 'title':
      case 'description':
      case 'default':
        return true;
      case 'type':
        return argument === 'integer' ? Number.isInteger(value) : kindOf(value) === argument;
      case 'enum':
        return (argument as unknown[]).includes(value);
      case 'const':
        return value === argument;
      case 'minimum':
        return typeof value !== 'number' || value >= (argument as number);
      case 'maximum':
        return typeof value !== 'number' || value <= (argument as number);
      case 'multipleOf':
        return typeof value !== 'number' || value % (argument as number) === 0;
      case 'maxLength':
        return typeof value !== 'string' || value.length <= (argument as number);
      case 'pattern':
        return typeof value !== 'string' || new RegExp(argument as string, 'u').test(value);
      case 'anyOf':
        return (argument as Schema[]).some((one) => accepts(one, value));
      case 'additionalProperties': {
        const known = Object.keys(schema['properties'] as object);
        return kindOf(value) !== 'object' || Object.keys(value as object).every((key) => known.includes(key));
      }
      case 'properties':
        if (kindOf(value) !== 'object') return true;
        return Object.entries(argument as Record<string, Schema>).every(
          ([key, one]) => !Object.hasOwn(value as object, key) || accepts(one, (value as Schema)[key]),
        );
      default:
        throw new Error(`the schema uses ${keyword}`);
    }
  });
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}
