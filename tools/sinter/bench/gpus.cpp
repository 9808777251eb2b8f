// bench --device cuda:all: the rate of several GPUs, an engine on each: alone and together, and of a group that hands
// batches out.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>

#include "charts.h"
#include "options.h"
#include "streams.h"

namespace sinter::tool {
namespace {

constexpr int kRounds = 3;
constexpr double kWarmUpMs = 200;

using Clock = std::chrono::steady_clock;

struct GroupFree {
  void operator()(sinter_group* group) const { sinter_group_free(group); }
  void operator()(sinter_batch* batch) const { sinter_batch_free(batch); }
};
using Group = std::unique_ptr<sinter_group, GroupFree>;
using Batch = std::unique_ptr<sinter_batch, GroupFree>;

std::vector<std::unique_ptr<Session>> load_everywhere(BenchOptions& options, const std::vector<Gpu>& gpus) {
  std::vector<std::unique_ptr<Session>> sessions;
  for (const Gpu& gpu : gpus) {
    options.flags.set_device(gpu.device);
    auto session = std::make_unique<Session>();
    if (sessions.empty())
      session->load(options.model, options.flags);
    else
      session->load_beside(*sessions[0], options.model, options.flags);
    if (sinter_engine_device(session->engine()) != gpu.device) {
      throw Failure{"'" + options.model + "' is an engine for " + sinter_engine_device(session->engine()) +
                    ", expected one for GPUs; build it with --device cuda"};
    }
    session->create_context(options.flags.threads(), false);
    session->set_inputs(options.inputs, options.flags.shapes(), true);
    sessions.push_back(std::move(session));
  }
  return sessions;
}

// Inputs of a batch that is `times` as large, for groups that divide it.
class LargeInputs {
 public:
  LargeInputs(const Session& session, size_t times) {
    for (size_t i = 0; i < sinter_engine_input_count(session.engine()); ++i) {
      sinter_tensor tensor = session.input(i);
      auto& dims = dims_.emplace_back(tensor.dims, tensor.dims + tensor.rank);
      if (times > 1) {
        std::vector<char>& bytes = bytes_.emplace_back(tensor.bytes * times);
        for (size_t copy = 0; copy < times; ++copy)
          std::memcpy(bytes.data() + copy * tensor.bytes, tensor.data, tensor.bytes);
        tensor.data = bytes.data();
        dims[0] *= static_cast<int64_t>(times);
      }
      tensor.dims = dims.data();
      tensors.push_back(tensor);
    }
  }
  std::vector<sinter_tensor> tensors;

 private:
  std::deque<std::vector<int64_t>> dims_;
  std::deque<std::vector<char>> bytes_;
};

Json group_json(const sinter_group* group) {
  char* text = nullptr;
  require(sinter_group_json(group, &text));
  return Json::parse(Text(text).get());
}

// Inferences a second of a group: batches for all GPUs where it divides them, else as many batches in flight as
// contexts, and again as many.
Json measure_group(const std::vector<std::unique_ptr<Session>>& sessions, int contexts, int threads, double seconds) {
  std::vector<const sinter_engine*> engines;
  for (const auto& session : sessions) engines.push_back(session->engine());
  sinter_group_options how;
  sinter_group_options_init(&how);
  how.contexts = contexts;
  how.threads = threads;
  sinter_group* handle = nullptr;
  require(sinter_group_create(engines.data(), engines.size(), &how, &handle));
  const Group group(handle);
  const bool splits = group_json(handle).at("splits");
  const LargeInputs inputs(*sessions[0], splits ? sessions.size() : 1);
  const size_t in_flight =
      static_cast<size_t>(contexts) * (splits ? 1 : sessions.size()) + static_cast<size_t>(contexts);
  std::deque<Batch> flights;
  const auto run_for = [&](double limit) {
    int64_t done = 0;
    const auto start = Clock::now();
    while (done == 0 || std::chrono::duration<double>(Clock::now() - start).count() < limit) {
      while (flights.size() < in_flight) {
        sinter_batch* batch = nullptr;
        require(sinter_group_submit(handle, inputs.tensors.data(), inputs.tensors.size(), &batch));
        flights.emplace_back(batch);
      }
      require(sinter_batch_wait(flights.front().get()));
      flights.pop_front();
      ++done;
    }
    return static_cast<double>(done) / std::chrono::duration<double>(Clock::now() - start).count();
  };
  run_for(kWarmUpMs / 1000);
  const double rate = run_for(seconds) * static_cast<double>(splits ? sessions.size() : 1);
  flights.clear();
  Json result = group_json(handle);
  result["throughput_qps"] = rate;
  return result;
}

}  // namespace

void bench_gpus(BenchOptions& options, const std::vector<Gpu>& gpus, BenchReport& report) {
  const auto sessions = load_everywhere(options, gpus);
  const int contexts = std::max(1, options.streams), threads = options.flags.threads();
  const double warm = options.warmup_ms < 0 ? kWarmUpMs : options.warmup_ms,
               seconds = options.duration_s / (2 * kRounds);
  std::vector<const Session*> all;
  for (const auto& session : sessions) all.push_back(session.get());
  std::vector<std::vector<double>> alone(gpus.size()), together(gpus.size() + 1);  // the last: of all
  for (int round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < gpus.size(); ++i)
      alone[i].push_back(bench_streams({all[i]}, contexts, threads, warm, seconds, options.on_device)[0].rate());
    const auto results = bench_streams(all, contexts, threads, warm, seconds, options.on_device);
    double sum = 0;
    for (size_t i = 0; i < gpus.size(); ++i) together[i].push_back(results[i].rate()), sum += results[i].rate();
    together.back().push_back(sum);
  }
  double fastest = 0;
  for (const auto& rates : alone) fastest = std::max(fastest, median_of(rates));
  const double total = median_of(together.back());
  const Json group = measure_group(sessions, contexts, threads, seconds);
  const double served = group.at("throughput_qps");

  report.rows = {{"device", "name", "alone_inferences_per_s", "together_inferences_per_s", "share_of_a_divided_batch"}};
  std::printf("gpus      %zu, %d context%s of each; inferences/s:\n          %-10s %12s %12s\n", gpus.size(), contexts,
              contexts == 1 ? "" : "s", "device", "alone", "together");
  for (size_t i = 0; i < gpus.size(); ++i) {
    const double one = median_of(alone[i]), beside = median_of(together[i]);
    std::printf("          %-10s %12.2f %12.2f  %s\n", gpus[i].device.c_str(), one, beside, gpus[i].name.c_str());
    const double share = group.at("devices")[i].at("share");
    report.json["devices"].push_back({{"device", gpus[i].device},
                                      {"name", gpus[i].name},
                                      {"alone_qps", one},
                                      {"together_qps", beside},
                                      {"share", share}});
    report.rows.push_back({gpus[i].device, gpus[i].name, number(one, 2), number(beside, 2), number(share, 4)});
  }
  std::printf("          %-10s %12s %12.2f  %.2f times the fastest alone\n", "all", "", total, total / fastest);
  std::printf("served    %.2f inferences/s by a group that %s: %.2f times the fastest alone\n", served,
              group.at("splits") ? "divides batches" : "hands whole batches out", served / fastest);
  report.json["contexts"] = contexts;
  report.json["throughput_qps"] = total;
  report.json["times_fastest"] = total / fastest;
  report.json["group"] = group;
  std::vector<std::vector<std::string>> table = report.rows;
  table.push_back({"all", number(total / fastest, 2) + " times the fastest alone", "", number(total, 2), ""});
  report.section("GPUs", table_html(table));
}

}  // namespace sinter::tool
