// The example's plugin under its name, but of another version: engines that were built with the one do not run with the other.
#define EXAMPLE_VERSION "2.0.0"
#include "../../examples/plugin/operators.cpp"
