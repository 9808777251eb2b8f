// This user's cache of compiled kernels on disk: <folder>/<name>.cubin. The folder is SINTER_KERNEL_CACHE ("none": no cache), else sinter/kernels in
// XDG_CACHE_HOME or ~/.cache. A cache that can't be read or written is no error: kernels are compiled again.
#pragma once

#include <string>

#include "core/tensor.h"

namespace sinter::cuda {

// Whose text a kernel was compiled from: this library's, or PTX of an engine, which somebody else may have written.
enum class Author { kSinter, kEngine };

// Undefined when it is not there, or damaged.
Tensor load_cached_kernel(const std::string& name, Author author);
void save_cached_kernel(const std::string& name, const Tensor& cubin, Author author);
// Whether a file of the cache holds exactly these bytes, compiled from Sinter's text. Files are found by a second name,
// of their contents; what counts is the comparison.
bool is_cached_kernel(const Tensor& cubin);

}  // namespace sinter::cuda
