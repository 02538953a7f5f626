// Functions that exist twice: for AVX-512 and for every machine. The loader takes the one that the processor can run.
// Both do the same operations in the same order, so their results are equal.
#pragma once

#if defined(__x86_64__)
#define SLM_VECTOR_CLONES [[gnu::target_clones("arch=x86-64-v4", "default")]]
#else
#define SLM_VECTOR_CLONES
#endif
