# The imported target slm::libtorch: headers and the libraries that a program needs, from SLM_LIBTORCH (a LibTorch
# folder, an installed PyTorch's torch folder, or a folder that holds one of them as torch/), by default
# SLM_LIBTORCH_DEFAULT. With SLM_CUDA it links the GPU libraries as well. find_package(Torch) is not used: it enables
# CUDA and rewrites the architecture list. Sets SLM_LIBTORCH_FOLDER and SLM_NVIDIA_FOLDER, which the installed package
# does not need; installed beside slm-config.cmake, this file finds LibTorch for programs that link slm.
set(SLM_LIBTORCH "$ENV{SLM_LIBTORCH}" CACHE PATH "LibTorch or PyTorch folder (default: ${SLM_LIBTORCH_DEFAULT})")
block(PROPAGATE SLM_LIBTORCH_FOLDER SLM_NVIDIA_FOLDER)
  set(torch "")
  set(asked "${SLM_LIBTORCH}")
  if(NOT asked)
    set(asked "${SLM_LIBTORCH_DEFAULT}")
  endif()
  foreach(candidate IN ITEMS "${asked}" "${asked}/torch")
    if(EXISTS "${candidate}/lib/libtorch_cpu.so" AND NOT torch)
      get_filename_component(torch "${candidate}" REALPATH)
    endif()
  endforeach()
  if(NOT torch)
    message(FATAL_ERROR "no lib/libtorch_cpu.so in '${asked}' or its torch/; run scripts/setup, or set SLM_LIBTORCH")
  endif()
  if(SLM_CUDA AND NOT EXISTS "${torch}/lib/libtorch_cuda.so")
    message(FATAL_ERROR "no lib/libtorch_cuda.so in '${torch}'; run scripts/setup --cuda, or set SLM_LIBTORCH")
  endif()
  get_filename_component(nvidia "${torch}/../nvidia" ABSOLUTE)

  # Two OpenMP runtimes in one process mean two thread pools, so the wheel's own is the one to link.
  file(GLOB gomp "${torch}/lib/libgomp*.so*" "${torch}/../torch.libs/libgomp*.so*")
  list(GET gomp 0 gomp)

  # The wheel also ships headers of a newer fmt, without its library: those of the fmt that is linked come first.
  get_target_property(fmt fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
  list(GET fmt 0 fmt)
  file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/include_first")
  file(CREATE_LINK "${fmt}/fmt" "${CMAKE_BINARY_DIR}/include_first/fmt" SYMBOLIC)

  add_library(slm::libtorch INTERFACE IMPORTED)
  target_include_directories(slm::libtorch INTERFACE "${CMAKE_BINARY_DIR}/include_first" "${torch}/include"
                             "${torch}/include/torch/csrc/api/include")
  target_link_libraries(slm::libtorch INTERFACE "${torch}/lib/libtorch_cpu.so" "${torch}/lib/libc10.so" "${gomp}")
  # Without it at::parallel_for is a plain loop, and nothing says so. Compiled only: linked is the runtime above.
  target_compile_options(slm::libtorch INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:-fopenmp>")
  target_link_options(slm::libtorch INTERFACE "-Wl,-rpath-link,${nvidia}/cu13/lib")
  if(SLM_CUDA)
    # Nothing names a symbol of libtorch_cuda: its operators announce themselves when it is loaded.
    target_link_options(slm::libtorch INTERFACE "-Wl,--no-as-needed")
    foreach(part cudnn nccl nvshmem cusparselt)
      target_link_options(slm::libtorch INTERFACE "-Wl,-rpath-link,${nvidia}/${part}/lib")
    endforeach()
    target_include_directories(slm::libtorch INTERFACE "${nvidia}/cu13/include")
    target_link_libraries(slm::libtorch INTERFACE "${torch}/lib/libtorch_cuda.so" "${torch}/lib/libc10_cuda.so"
                          "${nvidia}/cu13/lib/libcudart.so.13")
  endif()
  message(STATUS "LibTorch: ${torch}")
  set(SLM_LIBTORCH_FOLDER "${torch}")
  set(SLM_NVIDIA_FOLDER "${nvidia}")
endblock()
