# engine: readers and writers of the structured sections are generated from engine.fbs.
set(_generated ${CMAKE_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${_generated}/engine)
add_custom_command(
  OUTPUT ${_generated}/engine/engine_generated.h
  COMMAND ${SINTER_FLATC} --cpp --cpp-std c++17 --gen-object-api -o ${_generated}/engine
          ${CMAKE_CURRENT_SOURCE_DIR}/engine/engine.fbs
  DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/engine/engine.fbs VERBATIM)
add_library(sinter_engine_schema INTERFACE)
target_include_directories(sinter_engine_schema SYSTEM INTERFACE ${_generated} ${SINTER_FLATBUFFERS_INCLUDE})
set(SINTER_SOURCES_engine ${_generated}/engine/engine_generated.h)
set(SINTER_LINK_engine sinter_engine_schema)
