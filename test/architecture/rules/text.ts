import { filesBelow, type Problem, read } from './source';

export const MOST_LINES = 500;

const CODE = /\.(ts|mts|cts|js|mjs|cjs|cc|h|sh|py|gyp)$/;
const PROSE = /\.(md)$/;
const FOLDERS = ['native', 'lib', 'test', 'bench', 'docs', 'examples', '.ci'];
const TOP_LEVEL = new Set([
  ...['package.json', 'package-lock.json', 'binding.gyp', 'CMakeLists.txt', 'native', 'lib', 'test', 'bench'],
  'examples',
  ...['prebuilds', 'docs', 'README.md', 'CHANGELOG.md', 'LICENSE', 'CONTRIBUTING.md', 'biome.json', 'jest.config.js'],
  ...['tsconfig.json', 'tsconfig.build.json'],
]);

/** Words that may not stand in the tree. The patterns are put together from parts so that they do not match themselves. */
const FORBIDDEN: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  {
    pattern: new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'HA' + 'CK', 'XX' + 'X'].join('|')})\\b`),
    reason: 'is unfinished work',
  },
  {
    pattern: new RegExp(`(^|[\\s'"\`(=])/(${['ro' + 'ot', 'work', 'ho' + 'me/\\w+', 'Us' + 'ers/\\w+'].join('|')})/`),
    reason: 'is a path of one machine',
  },
  { pattern: new RegExp(`registry\\.${'npm'}|deb\\.${'debian'}`), reason: 'names a registry host' },
  {
    pattern: new RegExp(
      `\\b(${['behavi' + 'our', 'col' + 'our', 'neighb' + 'our', 'fav' + 'our', 'hon' + 'our', 'cent' + 're', 'canc' + 'elled'].join('|')})s?\\b`,
      'i',
    ),
    reason: 'is not American spelling',
  },
  {
    pattern: new RegExp(
      `\\b(initiali|normali|optimi|synchroni|seriali|organi|recogni|minimi|maximi|reali)${'s'}(e|es|ed|ing|ation)\\b`,
      'i',
    ),
    reason: 'is not American spelling',
  },
];

function textFiles(root: string): string[] {
  const below = FOLDERS.flatMap((folder) => filesBelow(root, folder, /./));
  return [...below, ...filesBelow(root, '', /./).filter((file) => !file.includes('/'))];
}

/** No code file is longer than the limit. */
export function checkSizes(root: string): Problem[] {
  return textFiles(root)
    .filter((file) => CODE.test(file))
    .flatMap((file) => {
      const lines = read(root, file).replace(/\n$/, '').split('\n').length;
      return lines > MOST_LINES ? [`${file}:${MOST_LINES + 1} is ${lines} lines long; the most is ${MOST_LINES}`] : [];
    });
}

/** No forbidden word in code or prose. */
export function checkWords(root: string): Problem[] {
  return textFiles(root)
    .filter((file) => CODE.test(file) || PROSE.test(file) || file.startsWith('.ci/'))
    .flatMap((file) =>
      read(root, file)
        .split('\n')
        .flatMap((line, index) =>
          FORBIDDEN.flatMap(({ pattern, reason }) => {
            const match = pattern.exec(line);
            return match ? [`${file}:${index + 1} '${match[0].trim()}' ${reason}`] : [];
          }),
        ),
    );
}

/** Nothing strays into the top folder. */
export function checkTopLevel(names: readonly string[]): Problem[] {
  return names
    .filter((name) => !name.startsWith('.') && !TOP_LEVEL.has(name))
    .map((name) => `${name}:1 does not belong into the top folder`);
}
