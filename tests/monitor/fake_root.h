// A folder that looks like the root of a machine: its /proc and /sys as tests write them.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace sinter::tool::monitor {

class FakeRootTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/sinter_root_XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text << "\n";
  }

  std::string root_;
};

}  // namespace sinter::tool::monitor
