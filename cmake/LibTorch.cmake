# The imported target slm::libtorch: headers and the three libraries that a CPU program needs, from SLM_LIBTORCH (a
# LibTorch folder, an installed PyTorch's torch folder, or a folder that holds one of them as torch/), by default what
# scripts/setup put into .deps/. find_package(Torch) is not used: it enables CUDA and rewrites the architecture list.
set(SLM_LIBTORCH "$ENV{SLM_LIBTORCH}" CACHE PATH "LibTorch or PyTorch folder (default: .deps/libtorch)")
set(_candidates "${SLM_LIBTORCH}" "${SLM_LIBTORCH}/torch")
if(NOT SLM_LIBTORCH)
  set(_candidates "${CMAKE_SOURCE_DIR}/.deps/libtorch/torch")
endif()
foreach(_candidate IN LISTS _candidates)
  if(EXISTS "${_candidate}/lib/libtorch_cpu.so" AND NOT _torch)
    get_filename_component(_torch "${_candidate}" REALPATH)
  endif()
endforeach()
if(NOT _torch)
  message(FATAL_ERROR "no lib/libtorch_cpu.so in '${_candidates}'; run scripts/setup, or set SLM_LIBTORCH")
endif()

# Two OpenMP runtimes in one process mean two thread pools, so the wheel's own is the one to link.
file(GLOB _gomp "${_torch}/lib/libgomp*.so*" "${_torch}/../torch.libs/libgomp*.so*")
list(GET _gomp 0 _gomp)
set(_nvidia "${_torch}/../nvidia/cu13/lib")

# The wheel also ships the headers of a newer fmt, without its library: the headers of the fmt that is linked come first.
get_target_property(_fmt fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
list(GET _fmt 0 _fmt)
file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/include")
file(CREATE_LINK "${_fmt}/fmt" "${CMAKE_BINARY_DIR}/include/fmt" SYMBOLIC)

add_library(slm_libtorch INTERFACE)
add_library(slm::libtorch ALIAS slm_libtorch)
target_include_directories(slm_libtorch SYSTEM INTERFACE "${CMAKE_BINARY_DIR}/include"
  "${_torch}/include" "${_torch}/include/torch/csrc/api/include")
target_link_libraries(slm_libtorch INTERFACE "${_torch}/lib/libtorch_cpu.so" "${_torch}/lib/libc10.so" "${_gomp}")
target_link_options(slm_libtorch INTERFACE "-Wl,-rpath,${_torch}/lib" "-Wl,-rpath-link,${_nvidia}")
message(STATUS "LibTorch: ${_torch}")
