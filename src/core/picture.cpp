#include "core/picture.h"

#include <atomic>

namespace sinter {
namespace {

std::atomic<PictureDecoder> registered{nullptr};

}  // namespace

void set_picture_decoder(PictureDecoder decoder) { registered = decoder; }
PictureDecoder picture_decoder() { return registered; }

}  // namespace sinter
