import { posix } from 'node:path';
import { filesBelow, includesOf, lineAt, type Problem, read, withoutComments } from './source';

/** The layers of native/, bottom to top. A file includes its own folder, and lower ones through `<dir>/<dir>.h`. */
export const LAYERS = ['core', 'platform', 'region', 'kernels', 'binding'] as const;

const NODE_HEADERS = /^(napi(-inl)?|node_api(_types)?|js_native_api(_types)?|node|v8.*|uv)\.h$/;
const OS_HEADERS = new RegExp(
  [
    '^(sys|linux|asm|mach|numa|net|netinet|arpa)/',
    '^(unistd|fcntl|pthread|sched|signal|poll|dirent|dlfcn|errno|ucontext|spawn|termios|semaphore|mntent|numaif|time)\\.h$',
    '^(windows|psapi|memoryapi|winbase|winnt|io|process|processthreadsapi|sysinfoapi|delayimp)\\.h$',
  ].join('|'),
  'i',
);
const OS_MACRO =
  /^[ \t]*#[ \t]*(?:if|ifdef|ifndef|elif).*\b(__linux__|__linux|_WIN32|_WIN64|__APPLE__|__MINGW32__|__unix__|__FreeBSD__)\b/gm;

function layerOf(file: string): string | undefined {
  const parts = file.split('/');
  return parts[0] === 'native' && parts.length > 2 ? parts[1] : undefined;
}

/** Path from the package root of a quoted include: relative to the file, or to native/. */
function targetOf(file: string, specifier: string, known: ReadonlySet<string>): string {
  const near = posix.join(posix.dirname(file), specifier);
  return known.has(near) ? near : posix.join('native', specifier);
}

function checkQuoted(file: string, line: number, target: string): Problem | undefined {
  const at = `${file}:${line}`;
  const from = layerOf(file);
  const to = layerOf(target);
  if (from === undefined || to === undefined) return `${at} includes ${target}, which is in no layer of native/`;
  if (from === to) return undefined;
  const [fromStep, toStep] = [from, to].map((layer) => LAYERS.indexOf(layer as (typeof LAYERS)[number]));
  if (fromStep === undefined || toStep === undefined || fromStep <= toStep) {
    return `${at} includes ${target}: ${from} may not know ${to}`;
  }
  if (target !== `native/${to}/${to}.h`) return `${at} includes ${target}: go through native/${to}/${to}.h`;
  return undefined;
}

function checkSystem(file: string, line: number, header: string): Problem | undefined {
  const layer = layerOf(file);
  if (NODE_HEADERS.test(header) && layer !== 'binding') {
    return `${file}:${line} includes <${header}>; Node-API stands only under native/binding/`;
  }
  if (OS_HEADERS.test(header) && layer !== 'platform') {
    return `${file}:${line} includes <${header}>; OS headers stand only under native/platform/`;
  }
  return undefined;
}

/** The layering of native/, and where OS headers, Node-API headers and OS macros may stand. */
export function checkNative(root: string): Problem[] {
  const files = filesBelow(root, 'native', /\.(cc|h|def)$/);
  const known = new Set(files);
  const problems: Problem[] = [];
  for (const file of files) {
    const text = read(root, file);
    const layer = layerOf(file);
    if (layer === undefined || !LAYERS.includes(layer as (typeof LAYERS)[number])) {
      problems.push(`${file}:1 is in no layer of native/ (${LAYERS.join(', ')})`);
      continue;
    }
    for (const { specifier, system, line } of includesOf(text)) {
      const isNode = NODE_HEADERS.test(specifier);
      const problem =
        system || isNode
          ? checkSystem(file, line, specifier)
          : checkQuoted(file, line, targetOf(file, specifier, known));
      if (problem) problems.push(problem);
    }
    // A platform's own header may tell its variants apart (macOS and the BSDs share a folder); bodies may not.
    if (layer === 'platform' && file.endsWith('.h')) continue;
    const code = withoutComments(text);
    for (const match of code.matchAll(OS_MACRO)) {
      problems.push(`${file}:${lineAt(code, match.index)} asks ${match[1]}; the OS is chosen by file lists`);
    }
  }
  return problems;
}
