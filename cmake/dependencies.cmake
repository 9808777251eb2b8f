# Third-party libraries, each found once here. scripts/setup installs what is missing from the distribution's packages.
find_package(Protobuf REQUIRED)
find_package(fmt REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)

find_program(SINTER_FLATC flatc REQUIRED)
find_path(SINTER_FLATBUFFERS_INCLUDE flatbuffers/flatbuffers.h REQUIRED)
find_path(SINTER_XXHASH_INCLUDE xxhash.h REQUIRED)

# Pictures of calibration and evaluation (src/data).
find_path(SINTER_JPEG_INCLUDE jpeglib.h REQUIRED)
find_library(SINTER_JPEG_LIBRARY jpeg REQUIRED)
find_path(SINTER_SPNG_INCLUDE spng.h REQUIRED)
find_library(SINTER_SPNG_LIBRARY spng REQUIRED)

if(SINTER_ONEDNN)
  find_path(SINTER_DNNL_INCLUDE dnnl.h)
  find_library(SINTER_DNNL_LIBRARY dnnl)
  if(NOT SINTER_DNNL_INCLUDE OR NOT SINTER_DNNL_LIBRARY)
    message(STATUS "oneDNN not found: the provider module libsinter_onednn.so is not built")
    set(SINTER_ONEDNN OFF)
  endif()
endif()
