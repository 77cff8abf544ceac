/** A plain object that prints as one of a class. What it holds must be copies: nothing of the arena's memory beside. */
export function shown(className: string, fields: object): object {
  const { [className]: Shown } = { [className]: class {} };
  return Object.assign(new (Shown as new () => object)(), fields);
}
