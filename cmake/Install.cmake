# cmake --install BUILD --prefix P: the program, the libraries with their headers, and a package for find_package(slm).
# src/cli is the program's own and stays behind, above all process_environment.cpp, which starts the process again with
# another environment: a library must not do that to its host.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/slm")

# LibTorch is found in P/lib/libtorch, for a tree that is to be carried elsewhere, or where it was configured.
set(rpath "$ORIGIN/../lib/libtorch/torch/lib" "${SLM_LIBTORCH_FOLDER}/lib")
if(SLM_CUDA)
  list(APPEND rpath "$ORIGIN/../lib/libtorch/nvidia/cu13/lib" "${SLM_NVIDIA_FOLDER}/cu13/lib")
endif()
set_target_properties(slm PROPERTIES INSTALL_RPATH "${rpath}")
install(TARGETS slm RUNTIME)
set_target_properties(slm_base PROPERTIES EXPORT_NAME base)
set_target_properties(slm_torch PROPERTIES EXPORT_NAME slm)
install(TARGETS slm_base slm_torch EXPORT slm-targets ARCHIVE)
install(EXPORT slm-targets NAMESPACE slm:: DESTINATION "${package_folder}")
install(DIRECTORY src/ DESTINATION include/slm FILES_MATCHING PATTERN "*.h" PATTERN "cli" EXCLUDE
        PATTERN "with*_cuda" EXCLUDE)
install(DIRECTORY configs DESTINATION share/slm)
install(FILES docs/training_config.schema.json DESTINATION share/slm/docs)  # the configs name it

configure_package_config_file(cmake/slm-config.cmake.in "${CMAKE_BINARY_DIR}/slm-config.cmake"
                              INSTALL_DESTINATION "${package_folder}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/slm-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/slm-config.cmake" "${CMAKE_BINARY_DIR}/slm-config-version.cmake"
              cmake/LibTorch.cmake cmake/TextLibraries.cmake DESTINATION "${package_folder}")
