// The parser of tegrastats' lines: every generation, every form of a field, malformed lines, and logs of both.
#include "monitor/tegrastats.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "lines.h"
#include "monitor/log.h"

namespace sinter::tool::monitor {
namespace {

std::map<std::string, Figure> figures(const char* line) {
  const ParsedLine parsed = parse_tegrastats_line(line);
  EXPECT_TRUE(parsed.ok()) << parsed.problem;
  EXPECT_TRUE(parsed.sample.unknown.empty());
  std::map<std::string, Figure> result;
  for (const auto& [key, figure] : flat(parsed.sample)) EXPECT_TRUE(result.emplace(key, figure).second) << key;
  return result;
}

void expect(const char* line, const std::map<std::string, double>& wanted) {
  const auto found = figures(line);
  for (const auto& [key, value] : wanted) {
    ASSERT_TRUE(found.count(key) && found.at(key)) << key;
    EXPECT_DOUBLE_EQ(*found.at(key), value) << key;
  }
}

TEST(Tegrastats, JetPack4) {
  expect(test::kNano4, {{"ram_used_mb", 1234}, {"ram_total_mb", 3956}, {"lfb_blocks", 4}, {"lfb_block_kb", 4096}, {"swap_used_mb", 12}, {"swap_total_mb", 1978},
                        {"swap_cached_mb", 1}, {"iram_used_kb", 0}, {"iram_total_kb", 252}, {"iram_lfb_kb", 252}, {"cpu0_util_pct", 12}, {"cpu1_mhz", 1479},
                        {"cpu_util_pct", 14.5}, {"emc_util_pct", 3}, {"emc_mhz", 1600}, {"gpu_util_pct", 45}, {"gpu_mhz", 921}, {"temp_pll_c", 29}, {"temp_cpu_c", 29.5},
                        {"temp_pmic_c", 100}, {"temp_thermal_c", 29}, {"power_pom_5v_in_mw", 1812}, {"power_pom_5v_in_avg_mw", 1790}, {"power_pom_5v_gpu_mw", 0}});
  const auto found = figures(test::kNano4);
  ASSERT_TRUE(found.count("cpu2_util_pct"));
  EXPECT_FALSE(found.at("cpu2_util_pct"));
  expect(test::kTx2, {{"ape_mhz", 150}, {"mts_fg_util_pct", 0}, {"mts_bg_util_pct", 2}, {"temp_tdiode_c", 29.25}, {"power_vdd_in_mw", 1183}, {"power_vdd_in_avg_mw", 1190}});
  EXPECT_EQ(figures(test::kTx2).count("swap_used_mb"), 0u);
  expect("RAM 1/2MB cpu [5%,off,7%]@1035 GR3D 12%@76", {{"cpu0_mhz", 1035}, {"cpu2_util_pct", 7}, {"gpu_util_pct", 12}, {"gpu_mhz", 76}});
}

TEST(Tegrastats, JetPack5) {
  expect(test::kXavier5, {{"ram_used_mb", 3168}, {"gpu_util_pct", 0}, {"gpu_mhz", 114}, {"vic_mhz", 115}, {"ape_mhz", 150}, {"temp_aux_c", 45}, {"temp_thermal_c", 45.6},
                          {"power_vdd_in_mw", 2763}, {"power_vdd_in_avg_mw", 2846}, {"power_vdd_cpu_gpu_cv_mw", 650}, {"cpu5_util_pct", 10}});
  EXPECT_EQ(parse_tegrastats_line(test::kXavier5).sample.time, "07-09-2024 13:31:31");
  expect(test::kOrin5, {{"gpu_mhz", 305}, {"gpu2_mhz", 0}, {"lfb_block_kb", 1024}, {"temp_tj_c", 46.968}, {"power_nc_mw", 0}, {"power_nc_2_mw", 1}, {"power_nc_2_avg_mw", 2}});
  EXPECT_FALSE(figures(test::kOrin5).at("temp_cv0_c"));  // -256: no power
}

TEST(Tegrastats, JetPack6) {
  expect(test::kAgx6, {{"gpu_util_pct", 7}, {"gpu_mhz", 1300}, {"gpu_gpc1_mhz", 1200}, {"nvenc_util_pct", 79}, {"nvenc_mhz", 166}, {"vic_util_pct", 36}, {"vic_mhz", 115},
                       {"temp_soc2_c", 48.437}, {"power_vin_sys_5v0_mw", 4707}, {"power_vdd_gpu_soc_avg_mw", 2410}});
  for (const char* off : {"nvdec", "nvjpg", "nvjpg1", "ofa", "nvdla0", "pva0"}) EXPECT_FALSE(figures(test::kAgx6).at(std::string(off) + "_util_pct")) << off;
  expect(test::kNano6, {{"ram_used_mb", 3456}, {"ram_total_mb", 7620}, {"lfb_block_kb", 256}, {"gpu_util_pct", 76}, {"temp_gpu_c", 51.843}, {"power_vdd_in_mw", 5432}});
  EXPECT_EQ(figures(test::kNano6).count("gpu_mhz"), 0u);
  expect("CPU [1%@2] GR3D_FREQ @[1575,1574]", {{"gpu_mhz", 1575}, {"gpu_gpc1_mhz", 1574}});  // no load: as of JetPack 7
}

TEST(Tegrastats, WrittenLinesReadBack) {
  for (const char* line : test::kLines) {
    const ParsedLine parsed = parse_tegrastats_line(line);
    const ParsedLine again = parse_tegrastats_line(tegrastats_line(parsed.sample));
    ASSERT_TRUE(again.ok()) << again.problem;
    auto wanted = flat(parsed.sample);
    std::erase_if(wanted, [](const auto& key) { return key.first.starts_with("iram_"); });  // of old releases only: never written
    EXPECT_EQ(flat(again.sample), wanted) << tegrastats_line(parsed.sample);
  }
}

TEST(Tegrastats, MalformedLinesSayWhere) {
  for (const char* line : {"RAM 12", "RAM 12/34", "RAM 12/34MB (lfb 4x4", "RAM 12/34MB (lfb x4MB)", "RAM 12/34MB (lfb 4x4MB)x", "RAM -1/34MB", "RAM", "RAM 12/34kB", "SWAP 1/2MB (cached 3)",
                           "CPU [", "CPU []", "CPU [12%@]", "CPU [12%@5,", "CPU [12%@5,of]", "CPU [12]", "CPU 12%", "GR3D_FREQ", "GR3D_FREQ x", "GR3D_FREQ 5%@", "GR3D_FREQ 5%@[", "GR3D_FREQ 5%@[1",
                           "GR3D_FREQ 5%@[]", "GR3D_FREQ 5%@[1,]", "GR3D_FREQ nan%", "cpu@48", "cpu@C", "cpu@nanC", "@48C", "cpu@48CC", "VDD_IN 1mW/1", "VDD_IN 1mW/", "VDD_IN 1/1mW", "VDD_IN 1/",
                           "VDD_IN", "hello world", "%$&", "\xff\xfe\x01", "RAM 1e3/2MB", "RAM 99999999999999999999/1MB", "07-09-2024 13:31:31", "Killed"}) {
    const ParsedLine parsed = parse_tegrastats_line(line);
    EXPECT_FALSE(parsed.ok()) << line;
    EXPECT_NE(parsed.problem.find("found"), std::string::npos) << line;
    EXPECT_NE(parsed.problem.find("expected"), std::string::npos) << line;
  }
}

TEST(Tegrastats, EveryCutOfALineIsReadOrRefused) {
  for (const std::string line : test::kLines) {
    for (size_t size = 0; size < line.size(); ++size) {
      const ParsedLine parsed = parse_tegrastats_line(std::string_view(line).substr(0, size));
      if (parsed.ok()) {
        EXPECT_TRUE(parsed.sample.unknown.empty()) << line.substr(0, size);
      }
    }
  }
}

TEST(Tegrastats, UnknownFieldsAreKept) {
  const ParsedLine parsed = parse_tegrastats_line("RAM 1/2MB NEWTHING 12 cpu@40C");
  ASSERT_TRUE(parsed.ok()) << parsed.problem;
  EXPECT_EQ(parsed.sample.unknown, std::vector<std::string>{"NEWTHING 12"});
  EXPECT_EQ(parsed.sample.temperatures.size(), 1u);
}

TEST(TegrastatsLog, MalformedLinesAreCountedAndShown) {
  std::string text;
  for (const char* line : test::kLines) text += std::string(line) + "\r\n\n";
  text += "RAM 12/\nbro\xffken <b>\n";
  const Log log = parse_tegrastats_log(text);
  EXPECT_EQ(log.samples.size(), 6u);
  EXPECT_EQ(log.lines, 8u);
  ASSERT_EQ(log.malformed.size(), 2u);
  EXPECT_EQ(log.malformed[0].line, 13u);
  const auto json = nlohmann::json::parse(log_json(log, "a.log"));
  EXPECT_EQ(json["malformed_lines"], 2);
  EXPECT_EQ(json["malformed"][0]["text"], "RAM 12/");
  EXPECT_EQ(json["samples"].size(), 6u);
  EXPECT_EQ(json["samples"][5]["gpu_util_pct"], 76);
  EXPECT_EQ(json["samples"][3]["temp_cv0_c"], nullptr);
  EXPECT_EQ(json["summary"]["ram_used_mb"]["max"], 18207);
  const std::string csv = log_csv(log);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 7);
  const size_t columns = static_cast<size_t>(std::count(csv.begin(), csv.begin() + static_cast<long>(csv.find('\n')), ','));
  EXPECT_EQ(std::count(csv.begin(), csv.end(), ','), static_cast<long>(columns * 7));
  const std::string html = log_html(log, "a<b>.log");
  EXPECT_EQ(html.find("<b>"), std::string::npos);
  EXPECT_EQ(html.find("src="), std::string::npos);
  EXPECT_NE(html.find("<svg"), std::string::npos);
}

TEST(TegrastatsLog, EmptyLogsHaveNoSamples) {
  const Log log = parse_tegrastats_log("");
  EXPECT_EQ(log.lines, 0u);
  EXPECT_EQ(nlohmann::json::parse(log_json(log, "x"))["samples"].size(), 0u);
  EXPECT_NE(log_svg(log).find("no samples"), std::string::npos);
}

}  // namespace
}  // namespace sinter::tool::monitor
