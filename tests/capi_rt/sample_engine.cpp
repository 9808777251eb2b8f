#include "capi_rt/sample_engine.h"

#include "support/plan_maker.h"

const std::string& sample_engine_bytes() {
  static const std::string bytes = [] {
    sinter::engine::EngineContents contents;
    sinter::test::RegionMaker main = sinter::test::add_region(contents, "main");
    contents.plan.symbols.push_back({"batch", 1, 2, 16});
    const int32_t x = main.input("x", "f32[batch,4]"), y = main.arena("y", "f32[batch,4]");
    const int32_t positions = main.host("positions", "i64[2,k]");
    main.reference("Relu", {x}, {y});
    main.reference("NonZero", {y}, {positions});
    main.output(y);
    main.output(positions);
    contents.report_json = "{\"layers\": 2}";
    return sinter::engine::write_engine(contents).value();
  }();
  return bytes;
}
