// Loading of plugins: what is refused, and that nothing of it stays.
#include "plugin/library.h"

#include <thread>

#include "onnx/operator_list.h"
#include "plugin/support.h"

namespace sinter {
namespace {

using test::expect_says;
using test::plugin_path;

TEST(PluginLibrary, OperatorsAreInTheListsOfAllOthers) {
  const plugin::Library& library = test::need_plugin("example");
  EXPECT_EQ(library.name, "example");
  EXPECT_EQ(library.version, "1.0.0");
  EXPECT_EQ(library.hash.size(), 16u);
  const OpDef* op = find_op("example", "Frame");
  ASSERT_NE(op, nullptr);
  EXPECT_EQ(op->plugin, library.operators[0].get());
  EXPECT_EQ(op->min_inputs(), 1);
  EXPECT_EQ(op->attributes.size(), 3u);
  EXPECT_TRUE(op->find_attribute("size")->required);
  bool listed = false;
  for (const onnx::OperatorInfo& info : onnx::list_operators()) listed |= info.op == op;
  EXPECT_TRUE(listed);
}

TEST(PluginLibrary, LoadingTwiceIsLoadingOnce) {
  const plugin::Library& first = test::need_plugin("example");
  const size_t operators = all_ops().size();
  const auto again = plugin::load(test::plugin_folder() + "/../plugins/example.so");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, &first);
  EXPECT_EQ(all_ops().size(), operators);
  const std::string list = "," + plugin_path("example") + ",," + plugin_path("faulty");
  EXPECT_TRUE(plugin::load_all(list.c_str()).ok());
  EXPECT_TRUE(plugin::load_all(nullptr).ok());
}

struct Refused {
  const char* file;
  std::vector<std::string> words;
};

class RefusedPlugin : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedPlugin, IsOneErrorAndLeavesNothing) {
  test::need_plugin("example");
  const size_t operators = all_ops().size(), libraries = plugin::loaded().size();
  for (int time = 0; time < 2; ++time) {
    const auto library = plugin::load(plugin_path(GetParam().file));
    expect_says(library.status(), GetParam().words);
    expect_says(library.status(), {"expected"});
  }
  EXPECT_EQ(all_ops().size(), operators);
  EXPECT_EQ(plugin::loaded().size(), libraries);
  EXPECT_EQ(find_op("refused", "First"), nullptr);
}

INSTANTIATE_TEST_SUITE_P(All, RefusedPlugin,
                         ::testing::Values(Refused{"no_entry", {"exports no 'sinter_plugin_entry'", "no_entry.so"}}, Refused{"null", {"returned NULL"}},
                                           Refused{"abi", {"version 42 of the interface", "expected 1"}}, Refused{"nameless", {"its name is 'NULL'"}}, Refused{"none", {"an operator is NULL"}},
                                           Refused{"short", {"8 bytes"}}, Refused{"no_run", {"refused.NoRun", "no run"}}, Refused{"strings", {"types for input 'x'"}},
                                           Refused{"name", {"'not a name'"}}, Refused{"twice", {"'refused.First' is registered twice"}},
                                           Refused{"shadows", {"'Relu' is one of Sinter's own"}}, Refused{"own_domain", {"domain 'sinter'"}},
                                           Refused{"taken", {"'example.Frame' is another plugin's"}}, Refused{"same_name", {"its name 'example'", "loaded already"}},
                                           Refused{"newer", {"its name 'example'"}}, Refused{"entry_throws", {"threw 'not today'"}}),
                         [](const auto& info) { return std::string(info.param.file); });

TEST(PluginLibrary, FilesThatAreNone) {
  const testing::TemporaryFolder folder;
  expect_says(plugin::load(folder.path("absent.so")).status(), {"absent.so", "no such file", "expected"});
  expect_says(plugin::load(test::plugin_folder()).status(), {"no such file"});
  std::ofstream(folder.path("text.so")) << "not a library at all, but long enough to have had a header if it were one of those";
  expect_says(plugin::load(folder.path("text.so")).status(), {"no shared library", "expected", "-shared"});
  std::ofstream(folder.path("empty.so"));
  expect_says(plugin::load(folder.path("empty.so")).status(), {"no shared library"});
  std::ifstream in(plugin_path("example"), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  for (size_t size : {size_t{64}, size_t{200}, size_t{4096}, bytes.size() / 2}) {
    std::ofstream(folder.path("cut.so"), std::ios::binary) << bytes.substr(0, size);
    EXPECT_FALSE(plugin::load(folder.path("cut.so")).ok()) << size;
  }
}

// Operators are looked up while others are added.
TEST(PluginLibrary, LookUpsWhileLoading) {
  std::vector<std::thread> threads;
  std::atomic<int> missed{0};
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) missed += find_op("", "Relu") == nullptr || all_ops().size() < 100;
    });
  }
  std::vector<OpDef> ops;
  for (int i = 0; i < 50; ++i) {
    ops.clear();
    ops.emplace_back("Later" + std::to_string(i), 1, "later");
    EXPECT_TRUE(add_ops(std::move(ops)).ok());
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(missed, 0);
  EXPECT_NE(find_op("later", "Later49"), nullptr);
}

// What a plugin calls like one of the operators that Sinter expands is ambiguous in a model.
TEST(PluginLibrary, ContributedOperatorsAreNotReplaced) {
  test::need_plugin("contrib");
  expect_says(test::build(test::one_node("com.microsoft", "Gelu", "f32[4]", "f32[4]")).status(), {"com.microsoft.Gelu", "one of Sinter's own", "rename"});
}

}  // namespace
}  // namespace sinter
