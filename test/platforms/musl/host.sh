#!/bin/sh
# host.sh FOLDER PROGRAM: makes FOLDER/node, a Node.js that runs on the musl C library of Debian's package musl.
# PROGRAM is an executable that carries Node.js for musl; the C++ libraries that it needs are compiled for musl here,
# from the sources of Debian's package gcc-12-source. Two minutes. Nothing of this is part of the package.
set -e
folder=$1
program=$2
here=$(cd "$(dirname "$0")" && pwd)
sources=$(ls /usr/src/gcc-12/gcc-12.*.tar.xz)
version=$(basename "$sources" | sed 's/^gcc-\([0-9.]*\)[-.].*/\1/')
top=gcc-$version
mkdir -p "$folder/lib" "$folder/eh" "$folder/gcc" "$folder/build"
cd "$folder"

tar xf "$sources" "$top/libstdc++-v3" "$top/libgcc" "$top/libiberty" "$top/config" "$top/include" \
  "$top/config.guess" "$top/config.sub" "$top/install-sh" "$top/ltmain.sh" "$top/config-ml.in" "$top/missing" \
  "$top/depcomp" "$top/move-if-change" "$top/libtool-ldflags" "$top/mkinstalldirs" "$top/multilib.am" \
  "$top/gcc/BASE-VER" "$top/gcc/DATESTAMP" "$top/gcc/DEV-PHASE"
ln -sf gthr-posix.h "$top/libgcc/gthr-default.h"

# libstdc++; the specs of musl-gcc leave out the frame header, without which every throw aborts
flags="-O1 -fPIC -DGTHREAD_USE_WEAK=0"
cd build
CC=musl-gcc CXX="g++ -specs=/usr/lib/x86_64-linux-musl/musl-gcc.specs" "../$top/libstdc++-v3/configure" \
  --build=x86_64-linux-gnu --host=x86_64-linux-musl --prefix="$folder/out" --disable-multilib --disable-nls \
  --disable-libstdcxx-pch --enable-shared --disable-static --disable-symvers --enable-threads=posix \
  CFLAGS="$flags" CXXFLAGS="$flags" LDFLAGS=-Wl,--eh-frame-hdr >configure.log 2>&1
make -j"$(nproc)" >make.log 2>&1
make install >install.log 2>&1
cd ..
cp out/lib/libstdc++.so.6 lib/

# libgcc_s from Debian's static one
(cd eh && ar x "$(gcc -print-file-name=libgcc_eh.a)")
(cd gcc && ar x "$(gcc -print-file-name=libgcc.a)")
node "$here/unhide.mjs" eh/*.o gcc/*.o
musl-gcc -shared -fPIC -O1 -Wl,--eh-frame-hdr -Wl,-soname,libgcc_s.so.1 -o lib/libgcc_s.so.1 "$here/find-object.c" \
  eh/*.o $(ls gcc/* | grep -E '/_(u?div|u?mod|udivmod|popcount|clz|ctz|mul|powi)' | grep -v tf)
g++ -O1 -shared -fPIC -nostdlib -fno-exceptions -o lib/libreplace-cold.so "$here/replace-cold.cc"

cp /lib/x86_64-linux-musl/libc.so lib/ld-musl-x86_64.so.1
ln -sf ld-musl-x86_64.so.1 lib/libc.musl-x86_64.so.1
ln -sf ld-musl-x86_64.so.1 lib/libc.so
node "$here/unfuse.mjs" "$program" node-musl
cat >node <<END
#!/bin/sh
exec $folder/lib/ld-musl-x86_64.so.1 --library-path $folder/lib --preload $folder/lib/libreplace-cold.so $folder/node-musl "\$@"
END
chmod +x node
./node -v
rm -rf build out eh gcc "$top"
