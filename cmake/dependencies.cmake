# SPDX-License-Identifier: Apache-2.0
# Third-party libraries, all from Debian 12's packages; scripts/install_packages names the packages.
# First those of what a robot links.
find_path(ZSTD_INCLUDE_DIR zstd.h REQUIRED)
find_library(ZSTD_LIBRARY zstd REQUIRED)
add_library(third_party_zstd INTERFACE)
target_include_directories(third_party_zstd SYSTEM INTERFACE $<BUILD_INTERFACE:${ZSTD_INCLUDE_DIR}>)
target_link_libraries(third_party_zstd INTERFACE zstd)  # not its path: static programs take libzstd.a
if(SLIMPILOT_TESTS AND CMAKE_CROSSCOMPILING)  # Debian's package has the sources too
  add_subdirectory(/usr/src/googletest ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL SYSTEM)
  set_target_properties(gtest gtest_main PROPERTIES COMPILE_OPTIONS "")
elseif(SLIMPILOT_TESTS)
  find_package(GTest REQUIRED)
endif()
if(SLIMPILOT_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
if(SLIMPILOT_ROBOT_ONLY)
  return()
endif()

find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenCV REQUIRED COMPONENTS core imgproc imgcodecs)
find_package(HDF5 REQUIRED COMPONENTS C)
find_path(ZIP_INCLUDE_DIR zip.h REQUIRED)  # its CMake package wants the command line tools too
find_library(ZIP_LIBRARY zip REQUIRED)
find_package(Flatbuffers CONFIG QUIET)
find_program(FLATC flatc REQUIRED)
find_library(FLATBUFFERS_LIBRARY flatbuffers REQUIRED)
find_library(DEFLATE_LIBRARY deflate REQUIRED)

# System headers: our warnings are not for them.
add_library(third_party_hdf5 INTERFACE)
target_include_directories(third_party_hdf5 SYSTEM INTERFACE ${HDF5_INCLUDE_DIRS})
target_link_libraries(third_party_hdf5 INTERFACE ${HDF5_LIBRARIES})
add_library(third_party_zip INTERFACE)
target_include_directories(third_party_zip SYSTEM INTERFACE ${ZIP_INCLUDE_DIR})
target_link_libraries(third_party_zip INTERFACE ${ZIP_LIBRARY})
add_library(third_party_opencv INTERFACE)
target_include_directories(third_party_opencv SYSTEM INTERFACE ${OpenCV_INCLUDE_DIRS})
target_link_libraries(third_party_opencv INTERFACE ${OpenCV_LIBS})

# libtorch without its CMake package, which wants protobuf and more.
if(SLIMPILOT_TRAINING)
  find_library(TORCH_CPU_LIBRARY torch_cpu REQUIRED)
  find_library(C10_LIBRARY c10 REQUIRED)
  find_path(TORCH_INCLUDE_DIR ATen/ATen.h REQUIRED)
  add_library(third_party_torch INTERFACE)
  target_include_directories(third_party_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIR})
  # clang 14 wants c10::IValue complete before the other headers, whatever order clang-format gives them.
  target_compile_options(third_party_torch INTERFACE "SHELL:-include ATen/core/ivalue.h")
  target_link_libraries(third_party_torch INTERFACE ${TORCH_CPU_LIBRARY} ${C10_LIBRARY} ${CMAKE_DL_LIBS})
endif()

# flatbuffers_schema(TARGET file.fbs): headers generated from our own schema.
function(flatbuffers_schema target schema)
  get_filename_component(stem ${schema} NAME_WE)
  set(folder ${CMAKE_BINARY_DIR}/generated)
  set(header ${folder}/${stem}_generated.h)
  add_custom_command(OUTPUT ${header}
    COMMAND ${FLATC} --cpp --gen-object-api --scoped-enums -o ${folder} ${CMAKE_CURRENT_SOURCE_DIR}/${schema}
    DEPENDS ${schema} VERBATIM)
  add_library(${target}_headers INTERFACE ${header})
  add_custom_target(${target}_generate DEPENDS ${header})
  add_library(${target} INTERFACE)
  add_dependencies(${target} ${target}_generate)
  target_include_directories(${target} SYSTEM INTERFACE ${folder})
  target_link_libraries(${target} INTERFACE ${FLATBUFFERS_LIBRARY})
endfunction()
