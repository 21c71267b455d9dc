# SPDX-License-Identifier: Apache-2.0
# What a robot links: the target slimpilot::robot, here and, through find_package(slimpilot), where it is installed; and what
# `cmake --install` copies. Component `robot`: libraries, headers, CMake package (`program`, the command line tool, is installed by CMakeLists.txt).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(robot_modules base graph engine slim_format)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/slimpilot)

foreach(module ${robot_modules})  # so that -Wl,--gc-sections drops what a robot does not call
  target_compile_options(${module} PRIVATE -ffunction-sections -fdata-sections)
endforeach()
add_library(slimpilot_robot INTERFACE)
target_link_libraries(slimpilot_robot INTERFACE slim_format engine graph base)
target_include_directories(slimpilot_robot INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/slimpilot>)
set_target_properties(slimpilot_robot PROPERTIES EXPORT_NAME robot)
add_library(slimpilot::robot ALIAS slimpilot_robot)

install(TARGETS slimpilot_robot ${robot_modules} third_party_zstd EXPORT slimpilot
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT robot)
install(EXPORT slimpilot FILE slimpilot-targets.cmake NAMESPACE slimpilot:: DESTINATION ${package_folder} COMPONENT robot)
foreach(folder base graph engine formats/slim)
  install(DIRECTORY src/${folder}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/slimpilot/${folder} COMPONENT robot
    FILES_MATCHING PATTERN "*.h"
    REGEX "(_test|_generic|_skipping|_encoded|_bf16|_tiles|_narrow|_products|/simd_[a-z0-9_]+)\\.h$" EXCLUDE)  # only our own sources include these
endforeach()
configure_package_config_file(cmake/slimpilot-config.cmake.in ${CMAKE_BINARY_DIR}/slimpilot-config.cmake
  INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/slimpilot-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/slimpilot-config.cmake ${CMAKE_BINARY_DIR}/slimpilot-config-version.cmake
  DESTINATION ${package_folder} COMPONENT robot)
