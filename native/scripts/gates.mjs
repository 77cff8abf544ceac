// What every prebuilt binary must satisfy. `checkBinary` returns the list of broken rules, empty when all hold.
import { isElf, readElf } from './elf.mjs';
import { isPe, readPe } from './pe.mjs';

const ENTRY_POINTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];
const GLIBC_FLOOR = [2, 28];

// A freestanding binary names no symbol version, so the loader takes the oldest one there is. These names either are
// younger than glibc 2.28, or changed their meaning under a newer version: the code must do without them.
const FORBIDDEN_C_NAMES = [
  /^f?l?stat(at|x)?(64)?$/,
  /^mknod(at)?$/,
  /^__(f|l)?xstat/,
  /^(gettid|tgkill|getcpu|closefrom|close_range|process_madvise|process_mrelease|pidfd_\w+)$/,
  /^(arc4random\w*|strlcpy|strlcat|epoll_pwait2|__libc_single_threaded|_dl_find_object)$/,
  /^__isoc23_/,
  /^__\w+_chk$/,
  /^__(cpu_model|cpu_indicator_init|stack_chk_fail)$/,
  /^pthread_(cond_\w+|clockjoin\w*|mutex_clock\w*|rwlock_clock\w*)$/,
  /^(realpath|posix_spawnp?|regexec|n?ftw|fmemopen|glob|globfree|timer_\w+|lio_listio)$/,
  /64$/,
];
const WINDOWS_LIBRARIES = /^(kernel32|msvcrt|advapi32|psapi|ntdll|api-ms-win-[\w-]+)\.dll$/;

/** @param {Buffer} bytes @param {{os: string, machine: string}} target @returns {string[]} */
export function checkBinary(bytes, target) {
  const problems = target.os === 'win' ? checkPe(bytes) : checkElf(bytes);
  const machine = isElf(bytes) ? readElf(bytes).machine : isPe(bytes) ? readPe(bytes).machine : 'unknown';
  if (machine !== target.machine) problems.push(`is for ${machine}, not ${target.machine}`);
  return problems;
}

function sameNames(found, wanted) {
  return found.length === wanted.length && found.every((name, index) => name === wanted[index]);
}

function checkElf(bytes) {
  if (!isElf(bytes)) return ['is not an ELF file'];
  const elf = readElf(bytes);
  const problems = [];
  const exported = elf.symbols.filter((symbol) => symbol.defined).map((symbol) => symbol.name);
  if (!sameNames(exported.sort(), ENTRY_POINTS)) problems.push(`exports ${exported.join(', ')}`);
  if (elf.needed.length > 0) problems.push(`needs ${elf.needed.join(', ')}; a universal file needs no library`);
  for (const version of elf.versions) {
    if (isAboveFloor(version)) problems.push(`needs ${version}; the floor is GLIBC_${GLIBC_FLOOR.join('.')}`);
  }
  for (const { name, defined } of elf.symbols) {
    if (defined || /^(napi|node_api)_/.test(name)) continue;
    if (/^(_Z|__cxa_|__gxx_|_Unwind_)/.test(name)) problems.push(`refers to ${name} of the C++ runtime library`);
    else if (FORBIDDEN_C_NAMES.some((rule) => rule.test(name))) {
      problems.push(`refers to ${name}, which older C libraries lack or define otherwise: use a system call`);
    } else if (/^(uv_|v8)/.test(name)) problems.push(`refers to ${name}: only Node-API is stable`);
  }
  if (!elf.noDelete) problems.push('lacks -z nodelete: unloading it would unmap running finalizers');
  if (!elf.bindNow || !elf.relro) problems.push('lacks -z now or -z relro');
  if (elf.executableStack) problems.push('asks for an executable stack');
  if (elf.runPath) problems.push('has a run path');
  if (elf.buildId) problems.push('has a build id, so that two builds differ');
  return problems;
}

function isAboveFloor(version) {
  const match = /^GLIBC_(\d+)\.(\d+)/.exec(version);
  if (!match) return true;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > GLIBC_FLOOR[0] || (major === GLIBC_FLOOR[0] && minor > GLIBC_FLOOR[1]);
}

function checkPe(bytes) {
  if (!isPe(bytes)) return ['is not a Windows DLL'];
  const pe = readPe(bytes);
  const problems = [];
  if (!sameNames(pe.exports, ENTRY_POINTS)) problems.push(`exports ${pe.exports.join(', ')}`);
  for (const name of pe.imports) {
    if (!WINDOWS_LIBRARIES.test(name)) problems.push(`needs ${name} at load`);
  }
  // The MinGW tools keep the delay-load table outside the data directory, so it may be invisible here.
  if (pe.delayImports.some((name) => name !== 'node.exe')) problems.push(`delay-loads ${pe.delayImports.join(', ')}`);
  if (!bytes.includes('node.exe\0', 0, 'latin1')) problems.push('does not name its host, node.exe');
  if (pe.timestamp !== 0) problems.push('carries a time stamp, so that two builds differ');
  return problems;
}
