// Functions that a CPU's loop and a CUDA kernel share: nvcc compiles them for both, g++ for the CPU alone.
#pragma once

#ifdef __CUDACC__
#define SLM_HOST_DEVICE __host__ __device__
#else
#define SLM_HOST_DEVICE
#endif
