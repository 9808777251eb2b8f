/* Libraries that must not load, one for each value of KIND; in plain C, since that is what the interface is. */
#include <sinter/plugin.h>

#define F32 SINTER_PLUGIN_SET(SINTER_PLUGIN_F32)

static int infer(const sinter_plugin_shapes* call) { return call->host->set_output(call->context, 0, SINTER_PLUGIN_F32, call->inputs[0].rank, call->inputs[0].dims); }
__attribute__((unused)) static int run(const sinter_plugin_run* call) { return call->inputs[0].bytes == call->outputs[0].bytes ? 0 : 1; }

static const sinter_plugin_param param = {"x", F32, "T", SINTER_PLUGIN_SINGLE};

#define OPERATOR(domain, name) \
  {sizeof(sinter_plugin_operator), domain, name, 1, 0, &param, 1, &param, 1, NULL, 0, 0, infer, run, NULL, NULL, NULL, NULL}
#define PLUGIN(name, list) \
  {SINTER_PLUGIN_ABI, 0, sizeof(sinter_plugin), name, "1.0", list, sizeof list / sizeof *list}

#if KIND_NO_ENTRY
int nothing_of_interest(void) {
  (void)infer;
  return param.kind;
}
#else
#if KIND_SHADOWS
static const sinter_plugin_operator first = OPERATOR("", "Relu");
#elif KIND_OWN_DOMAIN
static const sinter_plugin_operator first = OPERATOR("sinter", "Mine");
#elif KIND_TAKEN
static const sinter_plugin_operator first = OPERATOR("example", "Frame");
#elif KIND_NO_RUN
static const sinter_plugin_operator first = {sizeof(sinter_plugin_operator), "refused", "NoRun", 1, 0, &param, 1, &param, 1, NULL, 0, 0, infer, NULL, NULL, NULL, NULL, NULL};
#elif KIND_SHORT
static const sinter_plugin_operator first = {8, "refused", "Short", 1, 0, &param, 1, &param, 1, NULL, 0, 0, infer, run, NULL, NULL, NULL, NULL};
#elif KIND_STRINGS
static const sinter_plugin_param text = {"x", SINTER_PLUGIN_SET(8), NULL, SINTER_PLUGIN_SINGLE};
static const sinter_plugin_operator first = {sizeof(sinter_plugin_operator), "refused", "Strings", 1, 0, &text, 1, &param, 1, NULL, 0, 0, infer, run, NULL, NULL, NULL, NULL};
#elif KIND_NAME
static const sinter_plugin_operator first = OPERATOR("refused", "not a name");
#elif KIND_CONTRIB
static const sinter_plugin_operator first = OPERATOR("com.microsoft", "Gelu");
#else
static const sinter_plugin_operator first = OPERATOR("refused", "First");
#endif
#if KIND_TWICE
static const sinter_plugin_operator* const list[] = {&first, &first};
#elif KIND_NONE
static const sinter_plugin_operator* const list[] = {NULL, &first};
#else
static const sinter_plugin_operator* const list[] = {&first};
#endif

SINTER_PLUGIN_EXPORT const sinter_plugin* sinter_plugin_entry(uint32_t sinter_abi) {
#if KIND_ABI
  static const sinter_plugin plugin = {SINTER_PLUGIN_ABI + 41, 0, sizeof(sinter_plugin), "refused", "1.0", list, 1};
#elif KIND_NAMELESS
  static const sinter_plugin plugin = {SINTER_PLUGIN_ABI, 0, sizeof(sinter_plugin), NULL, "1.0", list, 1};
#elif KIND_SAME_NAME
  static const sinter_plugin plugin = PLUGIN("example", list);
#elif KIND_CONTRIB
  static const sinter_plugin plugin = PLUGIN("contrib", list);
#else
  static const sinter_plugin plugin = PLUGIN("refused", list);
#endif
#if KIND_NULL
  return sinter_abi == 0 ? &plugin : NULL;
#else
  return sinter_abi == 0 ? NULL : &plugin;
#endif
}
#endif
