// Reading tests/golden and comparing with it.
#pragma once

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "checkpoint/tensor_io.h"

namespace slm {

/// A file or folder below tests/golden.
std::filesystem::path golden_path(const std::string& name);

/// A golden file of tensors.
class Golden {
 public:
  explicit Golden(const std::string& name) : file_(golden_path(name)) {}

  at::Tensor operator[](const std::string& name) const {
    const auto* info = file_.find(name);
    if (!info) throw std::runtime_error("the golden has no tensor " + name);
    return load_tensor(file_, *info);
  }
  const SafetensorsFile& file() const { return file_; }

 private:
  SafetensorsFile file_;
};

/// Passes where every |actual - expected| <= tolerance (a NaN fails); names the worst element otherwise.
testing::AssertionResult close(const at::Tensor& actual, const at::Tensor& expected, double tolerance);

}  // namespace slm
