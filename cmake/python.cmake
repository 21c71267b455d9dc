# SPDX-License-Identifier: Apache-2.0
# python_module(NAME DEPENDS other modules): the folder src/NAME as the Python package `slimpilot`, in the build folder's python/
# and, installed, where Debian's Python looks below /usr/local. It is a shared object, so what it DEPENDS on is compiled without
# fixed places; hidden symbols make that free.
find_package(Python3 REQUIRED COMPONENTS Interpreter Development.Module)
find_package(pybind11 CONFIG REQUIRED)

function(python_module name)
  cmake_parse_arguments(MODULE "" "" "DEPENDS" ${ARGN})
  set_target_properties(slim_format ${MODULE_DEPENDS} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden)
  set(source ${CMAKE_SOURCE_DIR}/src/${name})
  set(folder ${CMAKE_BINARY_DIR}/${name}/slimpilot)
  pybind11_add_module(${name}_module MODULE NO_EXTRAS ${source}/session.cpp)
  target_link_libraries(${name}_module PRIVATE ${MODULE_DEPENDS})
  target_link_options(${name}_module PRIVATE -Wl,--as-needed,--gc-sections)
  set_target_properties(${name}_module PROPERTIES OUTPUT_NAME _slimpilot LIBRARY_OUTPUT_DIRECTORY ${folder})
  foreach(file __init__.py __init__.pyi py.typed)
    configure_file(${source}/slimpilot/${file} ${folder}/${file} COPYONLY)
  endforeach()

  set(installed lib/python${Python3_VERSION_MAJOR}.${Python3_VERSION_MINOR}/dist-packages)
  install(DIRECTORY ${source}/slimpilot DESTINATION ${installed} COMPONENT python PATTERN "__pycache__" EXCLUDE)
  install(TARGETS ${name}_module LIBRARY DESTINATION ${installed}/slimpilot COMPONENT python)
endfunction()
