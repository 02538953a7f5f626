# The imported targets slm::pcre2 and slm::utf8proc: not every distribution ships CMake packages of them. Installed beside
# slm-config.cmake, this file finds them for programs that link slm.
foreach(pair "pcre2;pcre2-8;pcre2.h" "utf8proc;utf8proc;utf8proc.h")
  list(GET pair 0 name)
  list(GET pair 1 file)
  list(GET pair 2 header)
  find_library(SLM_${name}_LIBRARY ${file} REQUIRED)
  find_path(SLM_${name}_INCLUDE ${header} REQUIRED)
  mark_as_advanced(SLM_${name}_LIBRARY SLM_${name}_INCLUDE)
  add_library(slm::${name} UNKNOWN IMPORTED)
  set_target_properties(slm::${name} PROPERTIES IMPORTED_LOCATION "${SLM_${name}_LIBRARY}"
                        INTERFACE_INCLUDE_DIRECTORIES "${SLM_${name}_INCLUDE}")
endforeach()
