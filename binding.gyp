# One target only: loaders take the first .node file they find. Sources come from native/scripts/sources.mjs.
{
  "targets": [
    {
      "target_name": "nebula_memory",
      "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=8",
        "NAPI_DISABLE_CPP_EXCEPTIONS",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NEBULA_SOURCE_HASH=\"<!(node native/scripts/sources.mjs --hash)\""
      ],
      # 64-bit targets only: off_t is 64 bits wide anyway, and the plain names exist in every C library.
      "defines!": ["_FILE_OFFSET_BITS=64", "_LARGEFILE_SOURCE"],
      "conditions": [
        ["OS=='linux'", {
          "sources": ["<!@(node native/scripts/sources.mjs linux)"],
          "defines": ["_GLIBCXX_EXTERN_TEMPLATE=0", "_GNU_SOURCE"],
          "cflags": [
            "-O2", "-Wall", "-Wextra", "-Werror=return-type", "-Wno-unused-parameter", "-fvisibility=hidden",
            "-ffile-prefix-map=<(module_root_dir)=.", "-fno-stack-protector", "-U_FORTIFY_SOURCE"
          ],
          "cflags!": ["-fno-omit-frame-pointer", "-O3"],
          "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-fexceptions"],
          "cflags_cc": [
            "-std=c++20", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fvisibility-inlines-hidden"
          ],
          "ldflags!": ["-rdynamic"],
          # Freestanding: no C or C++ library is named, so the one file serves glibc and musl. See docs/dependencies.md.
          "ldflags": [
            "-nostdlib", "-Wl,--version-script=<(module_root_dir)/native/exports.map", "-Wl,-z,nodelete",
            "-Wl,-z,now", "-Wl,-z,relro", "-Wl,-z,noexecstack", "-Wl,--build-id=none", "-Wl,--gc-sections"
          ],
          "libraries": ["-lgcc"],
          "conditions": [
            ["target_arch=='arm64'", {
              "cflags": ["-mno-outline-atomics"],
              "ldflags": ["-Wl,-z,max-page-size=65536"]
            }]
          ]
        }, "OS=='mac'", {
          "sources": ["<!@(node native/scripts/sources.mjs mac)"],
          "xcode_settings": {
            "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
            "CLANG_CXX_LIBRARY": "libc++",
            "GCC_ENABLE_CPP_EXCEPTIONS": "NO",
            "GCC_ENABLE_CPP_RTTI": "NO",
            "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
            "MACOSX_DEPLOYMENT_TARGET": "11.0",
            "WARNING_CFLAGS": ["-Wall", "-Wextra", "-Werror=return-type", "-Wno-unused-parameter"]
          }
        }, "OS=='win'", {
          "sources": ["<!@(node native/scripts/sources.mjs win)"],
          "defines": ["NOMINMAX", "WIN32_LEAN_AND_MEAN"],
          "libraries": ["-lpsapi.lib", "-ladvapi32.lib", "-lsynchronization.lib"],
          "msvs_settings": {
            "VCCLCompilerTool": { "AdditionalOptions": ["/std:c++20", "/EHs-c-"], "RuntimeTypeInfo": "false" }
          }
        }, "OS in 'freebsd openbsd netbsd'.split()", {
          "sources": ["<!@(node native/scripts/sources.mjs bsd)"],
          "cflags_cc": ["-std=c++20", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden"]
        }, {
          "sources": ["<!@(node native/scripts/sources.mjs fallback)"],
          "cflags_cc": ["-std=c++20", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden"]
        }]
      ]
    }
  ]
}
