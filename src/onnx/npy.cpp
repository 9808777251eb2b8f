// numpy's .npy and .npz.
#include <zlib.h>

#include <charconv>
#include <cstring>

#include "base/files.h"
#include "onnx/tensor_io.h"
#include "onnx/tensor_proto.h"

namespace sinter::onnx {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr uint32_t kZipEntry = 0x02014b50, kZipLocal = 0x04034b50, kZipEnd = 0x06054b50;
constexpr uint64_t kMaxArrayBytes = uint64_t{1} << 34;

struct NpyType {
  std::string_view code;  // after the byte-order mark
  DType dtype;
};
constexpr NpyType kTypes[] = {{"b1", DType::kBool}, {"i1", DType::kI8},   {"i2", DType::kI16}, {"i4", DType::kI32},
                              {"i8", DType::kI64},  {"u1", DType::kU8},   {"u2", DType::kU16}, {"u4", DType::kU32},
                              {"u8", DType::kU64},  {"f2", DType::kF16},  {"f4", DType::kF32}, {"f8", DType::kF64},
                              {"c8", DType::kC64},  {"c16", DType::kC128}};

uint64_t little_endian(std::string_view bytes, size_t at, int width) {
  uint64_t value = 0;
  for (int i = width - 1; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[at + static_cast<size_t>(i)]);
  return value;
}

Status bad(const std::string& label, std::string_view found) {
  return make_error(Code::kInvalidArgument, "{}: {}; expected a numpy array file (.npy); write it with numpy.save",
                    label, found);
}

// The text after "'key':" in the header, which is a Python dictionary.
std::string_view after_key(std::string_view header, std::string_view key) {
  for (const char quote : {'\'', '"'}) {
    const std::string quoted = quote + std::string(key) + quote;
    const size_t at = header.find(quoted);
    if (at == std::string_view::npos) continue;
    size_t begin = at + quoted.size();
    while (begin < header.size() && (header[begin] == ' ' || header[begin] == ':')) ++begin;
    return header.substr(begin);
  }
  return {};
}

Result<Dims> parse_shape(std::string_view text, const std::string& label) {
  Dims dims;
  if (text.empty() || text[0] != '(') return bad(label, "no shape in the header");
  for (size_t i = 1; i < text.size() && text[i] != ')';) {
    if (text[i] == ' ' || text[i] == ',' || text[i] == 'L') {
      ++i;
      continue;
    }
    int64_t dim = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + text.size(), dim);
    if (error != std::errc() || dim < 0 || dims.size() > 64) return bad(label, "a shape that is no list of sizes");
    dims.push_back(dim);
    i = static_cast<size_t>(end - text.data());
  }
  return dims;
}

Result<DType> parse_descr(std::string_view text, const std::string& label) {
  if (text.size() < 4 || (text[0] != '\'' && text[0] != '"')) return bad(label, "no plain element type in the header");
  const std::string_view descr = text.substr(1, text.find(text[0], 1) - 1);
  if (descr.size() < 2 || descr[0] == '>') return bad(label, "big-endian elements");
  for (const NpyType& type : kTypes) {
    if (descr.substr(1) == type.code) return type.dtype;
  }
  return bad(label, fmt::format("elements of numpy type '{}'", descr));
}

// Column-major elements into row-major order.
Tensor from_fortran(const Tensor& tensor) {
  Tensor result(tensor.dtype(), tensor.dims());
  const auto width = static_cast<size_t>(dtype_bits(tensor.dtype()) / 8);
  Dims index(tensor.dims().size(), 0), strides(tensor.dims().size(), 1);
  for (size_t axis = 1; axis < strides.size(); ++axis) strides[axis] = strides[axis - 1] * tensor.dims()[axis - 1];
  const auto* source = static_cast<const uint8_t*>(tensor.raw());
  auto* target = static_cast<uint8_t*>(result.raw());
  for (int64_t i = 0; i < tensor.count(); ++i) {
    int64_t from = 0;
    for (size_t axis = 0; axis < index.size(); ++axis) from += index[axis] * strides[axis];
    std::memcpy(target + static_cast<size_t>(i) * width, source + static_cast<size_t>(from) * width, width);
    for (size_t axis = index.size(); axis-- > 0;) {
      if (++index[axis] < tensor.dims()[axis]) break;
      index[axis] = 0;
    }
  }
  return result;
}

Result<std::string> inflate_raw(std::string_view bytes, uint64_t size, const std::string& label) {
  std::string out(size, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return make_error(Code::kOutOfMemory, "{}: cannot be unpacked", label);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  size_t in_left = bytes.size(), out_left = out.size();
  int status = Z_OK;
  while (status == Z_OK) {
    const auto in_step = static_cast<uInt>(std::min<size_t>(in_left, 1u << 30));
    const auto out_step = static_cast<uInt>(std::min<size_t>(out_left, 1u << 30));
    stream.avail_in = in_step;
    stream.avail_out = out_step;
    status = inflate(&stream, Z_NO_FLUSH);
    in_left -= in_step - stream.avail_in;
    out_left -= out_step - stream.avail_out;
    if (stream.avail_in == in_step && stream.avail_out == out_step) break;  // no progress
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END || out_left != 0) {
    return make_error(Code::kInvalidArgument, "{}: the packed data is damaged; write the file again", label);
  }
  return out;
}

}  // namespace

Result<Tensor> parse_npy(std::string_view bytes, const std::string& label) {
  if (bytes.size() < 10 || bytes.substr(0, kMagic.size()) != kMagic)
    return bad(label, "no numpy magic at the beginning");
  const int version = bytes[6];
  const size_t prefix = version == 1 ? 10 : 12;
  if (version < 1 || version > 3) return bad(label, fmt::format("format version {}", version));
  if (bytes.size() < prefix) return bad(label, "a file that is cut short");
  const uint64_t header_bytes = little_endian(bytes, 8, version == 1 ? 2 : 4);
  if (header_bytes > bytes.size() - prefix) return bad(label, "a header longer than the file");
  const std::string_view header = bytes.substr(prefix, header_bytes);
  SINTER_ASSIGN(const DType dtype, parse_descr(after_key(header, "descr"), label));
  SINTER_ASSIGN(const Dims dims, parse_shape(after_key(header, "shape"), label));
  SINTER_ASSIGN(const int64_t count, checked_count(dims, dtype));
  const std::string_view data = bytes.substr(prefix + header_bytes);
  const int64_t needed = dtype_bytes(dtype, count);
  if (static_cast<uint64_t>(needed) > data.size()) {
    return bad(label, fmt::format("{} bytes of elements where {}{} needs {}", data.size(), dtype_name(dtype),
                                  to_string(dims), needed));
  }
  Tensor tensor(dtype, dims);
  if (needed > 0) std::memcpy(tensor.raw(), data.data(), static_cast<size_t>(needed));
  if (dtype == DType::kBool) {
    for (int64_t i = 0; i < count; ++i) tensor.data<uint8_t>()[i] = tensor.data<uint8_t>()[i] != 0;
  }
  return after_key(header, "fortran_order").substr(0, 4) == "True" && dims.size() > 1 ? from_fortran(tensor) : tensor;
}

Result<Tensor> read_npy(const std::string& path) {
  SINTER_ASSIGN(const auto file, MappedFile::open(path));
  return parse_npy({reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()}, path);
}

Status write_npy(const std::string& path, const Tensor& tensor) {
  Tensor plain = dtype_bits(tensor.dtype()) % 8 ? tensor.unpacked() : tensor;
  const auto code_of = [](DType dtype) -> std::string_view {
    for (const NpyType& type : kTypes) {
      if (type.dtype == dtype) return type.code;
    }
    return {};
  };
  if (code_of(plain.dtype()).empty() && is_float(plain.dtype())) plain = plain.cast(DType::kF32);
  const std::string_view code = code_of(plain.dtype());
  if (code.empty()) {
    return make_error(Code::kUnsupported, "'{}': {} has no numpy type; write a .pb file", path,
                      dtype_name(tensor.dtype()));
  }
  std::string shape;
  for (const int64_t dim : plain.dims()) shape += fmt::format("{}, ", dim);
  const char order = dtype_bits(plain.dtype()) == 8 ? '|' : '<';
  std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}", order, code, shape);
  if (plain.rank() > 1) header = header.replace(header.rfind(", )"), 3, ")");
  if (plain.rank() == 1) header = header.replace(header.rfind(", )"), 3, ",)");
  header.append(63 - (kMagic.size() + 4 + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += {'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  bytes += header;
  if (plain.bytes() > 0) bytes.append(static_cast<const char*>(plain.raw()), static_cast<size_t>(plain.bytes()));
  return write_file(path, bytes);
}

Result<std::map<std::string, Tensor>> read_npz(const std::string& path) {
  SINTER_ASSIGN(const auto file, MappedFile::open(path));
  const std::string_view bytes{reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()};
  const Status damaged =
      make_error(Code::kInvalidArgument, "{}: no readable .npz archive; write it with numpy.savez", path);
  if (bytes.size() < 22) return damaged;
  size_t end = bytes.size() - 22;
  while (little_endian(bytes, end, 4) != kZipEnd) {
    if (end == 0 || bytes.size() - end > 22 + 65535) return damaged;
    --end;
  }
  const uint64_t entries = little_endian(bytes, end + 10, 2);
  uint64_t at = little_endian(bytes, end + 16, 4);
  std::map<std::string, Tensor> arrays;
  for (uint64_t i = 0; i < entries; ++i) {
    if (at > bytes.size() || bytes.size() - at < 46 || little_endian(bytes, at, 4) != kZipEntry) return damaged;
    const uint64_t method = little_endian(bytes, at + 10, 2), packed = little_endian(bytes, at + 20, 4);
    const uint64_t unpacked = little_endian(bytes, at + 24, 4), name_size = little_endian(bytes, at + 28, 2);
    const uint64_t extra = little_endian(bytes, at + 30, 2) + little_endian(bytes, at + 32, 2);
    const uint64_t local = little_endian(bytes, at + 42, 4);
    if (bytes.size() - at - 46 < name_size + extra || local > bytes.size() || bytes.size() - local < 30 ||
        little_endian(bytes, local, 4) != kZipLocal || unpacked > kMaxArrayBytes) {
      return damaged;
    }
    std::string name(bytes.substr(at + 46, name_size));
    const uint64_t data = local + 30 + little_endian(bytes, local + 26, 2) + little_endian(bytes, local + 28, 2);
    if (data > bytes.size() || packed > bytes.size() - data) return damaged;
    const std::string_view content = bytes.substr(data, packed);
    std::string plain;
    if (method == 8) {
      // Deflate cannot pack better than about 1 : 1032, so that a larger claim is a lie.
      if (unpacked / 1100 > packed) return damaged;
      SINTER_ASSIGN(plain, inflate_raw(content, unpacked, path));
    } else if (method != 0) {
      return make_error(Code::kUnsupported, "{}: '{}' is packed by method {}; use numpy.savez", path, name, method);
    }
    SINTER_ASSIGN(Tensor tensor, parse_npy(method == 8 ? std::string_view(plain) : content, path + ": " + name));
    if (name.size() > 4 && name.substr(name.size() - 4) == ".npy") name.resize(name.size() - 4);
    arrays[name] = std::move(tensor);
    at += 46 + name_size + extra;
  }
  return arrays;
}

}  // namespace sinter::onnx
