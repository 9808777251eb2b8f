// A plugin that throws before it says anything.
#include <sinter/plugin.h>

#include <stdexcept>

const sinter_plugin* sinter_plugin_entry(uint32_t) { throw std::runtime_error("not today"); }
