# Compiles src/kernels/cuda/*.cu with nvcc, by hand and not as a language of CMake's, so that programs that link the
# installed library need no CUDA compiler. Sets SLM_CUDA_OBJECTS; the target cuda_kernels compiles them alone, in a
# build without SLM_CUDA as well, wherever there is an nvcc.
find_program(SLM_NVCC nvcc HINTS "${SLM_NVIDIA_FOLDER}/cu13/bin" PATHS /usr/local/cuda/bin)
if(SLM_CUDA AND NOT SLM_NVCC)
  message(FATAL_ERROR "no nvcc; run scripts/setup --cuda, or name one with -DSLM_NVCC=PATH")
endif()
if(SLM_NVCC)
  # Machine code for A100 and H100/H200, PTX for what came later. --fmad=false: the CPU's bits, as
  # -ffp-contract=off. --expt-relaxed-constexpr: std::bit_cast in device code.
  set(nvcc_flags -std=c++20 -O3 --fmad=false --expt-relaxed-constexpr -Werror all-warnings
      -Xcompiler=-Wall,-Wextra,-ffp-contract=off -ccbin "${CMAKE_CXX_COMPILER}" -I "${CMAKE_SOURCE_DIR}/src"
      -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90a,code=sm_90a
      -gencode arch=compute_90,code=compute_90)
  file(GLOB cuda_sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/kernels/cuda/*.cu")
  file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/cuda_kernels")
  foreach(source IN LISTS cuda_sources)
    get_filename_component(name "${source}" NAME)
    set(object "${CMAKE_BINARY_DIR}/cuda_kernels/${name}.o")
    add_custom_command(OUTPUT "${object}" DEPENDS "${source}" DEPFILE "${object}.d" VERBATIM
                       COMMAND "${SLM_NVCC}" ${nvcc_flags} -MD -MF "${object}.d" -c "${source}" -o "${object}")
    list(APPEND SLM_CUDA_OBJECTS "${object}")
  endforeach()
  add_custom_target(cuda_kernels DEPENDS ${SLM_CUDA_OBJECTS})
endif()
