import { lineAt, Malformed, type Parsed } from './parsed';

/** Keys deeper than this are nobody's: sections and fields are two levels. */
const DEPTH = 2;

/** Reads JSON, with the lines of its keys and those that are said twice, of which JSON.parse keeps the last in silence. */
export function parseJson(text: string): Parsed {
  let tree: unknown;
  try {
    tree = JSON.parse(text);
  } catch (error) {
    throw malformed(text, error as Error);
  }
  return { tree, ...findKeys(text) };
}

function malformed(text: string, { message }: Error): Malformed {
  const reason = message.replace(/ in JSON at position.*$/s, '').replace(/, (\.\.\.)?".*is not valid JSON$/s, '');
  // What only ends too early is wrong at its end: no need to look for the place.
  const position = /end of JSON/.test(message) ? text.length : firstWrong(text);
  return new Malformed(`it is no JSON: ${reason}`, lineAt(text, position));
}

/**
 * Where a text stops being JSON; its length when it only ends too early. Engines tell the position of some errors and not
 * of others: the shortest wrong beginning tells it of all.
 */
function firstWrong(text: string): number {
  let right = 0;
  let wrong = text.length + 1;
  while (wrong - right > 1) {
    const middle = (right + wrong) >> 1;
    if (isBeginning(text.slice(0, middle))) right = middle;
    else wrong = middle;
  }
  return wrong > text.length ? text.length : wrong - 1;
}

/** True for what could go on as JSON. */
function isBeginning(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as Error;
    const position = /at position (\d+)/.exec(message)?.[1];
    return /end of JSON|Unterminated/.test(message) || Number(position) >= text.length;
  }
}

/** Walks a text that JSON.parse accepted. */
function findKeys(text: string): Pick<Parsed, 'lines' | 'twice'> {
  const lines = new Map<string, number>();
  const twice: string[] = [];
  const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|\n/g;
  /** Of the tables and lists around: the path of each; null for a list. */
  const open: (string | null)[] = [];
  let path = '';
  let key: string | null = null;
  let line = 1;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [word] = match;
    if (word === '\n') {
      line += 1;
    } else if (word === '{' || word === '[') {
      open.push(word === '{' ? path : null);
      key = null;
    } else if (word === '}' || word === ']') {
      open.pop();
    } else if (word === ':') {
      const parent = open.at(-1);
      if (key === null || parent === null || parent === undefined || open.length > DEPTH) continue;
      path = parent === '' ? key : `${parent}.${key}`;
      if (lines.has(path)) twice.push(path);
      lines.set(path, line);
    } else if (word !== ',') {
      key = JSON.parse(word) as string;
    }
  }
  return { lines, twice };
}
