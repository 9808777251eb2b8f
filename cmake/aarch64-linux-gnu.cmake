# Cross build for 64-bit Arm Linux with Debian's cross compiler; libraries from scripts/aarch64_sysroot; test programs run
# under qemu-user. The C library is the cross compiler's own, so .cache/aarch64 is a search path and not a --sysroot.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

get_filename_component(_sysroot "${CMAKE_CURRENT_LIST_DIR}/../.cache/aarch64" ABSOLUTE)
set(CMAKE_FIND_ROOT_PATH ${_sysroot} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)   # protoc and flatc run here
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES ${_sysroot}/usr/include/aarch64-linux-gnu)  # jconfig.h
set(_lib ${_sysroot}/usr/lib/aarch64-linux-gnu)
# zlib's shared library, which libspng needs, lies under /lib.
set(_runtime ${_lib}:${_sysroot}/lib/aarch64-linux-gnu)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-L${_lib} -Wl,-rpath-link,${_runtime}")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-L${_lib} -Wl,-rpath-link,${_runtime}")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64;-L;/usr/aarch64-linux-gnu;-E;LD_LIBRARY_PATH=${_runtime})
set(ENV{PKG_CONFIG_LIBDIR} ${_lib}/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${_sysroot})
