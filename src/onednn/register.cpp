// The module's one exported symbol (tactic/registry.h: kProviderEntryName).
#include "onednn/tactics.h"
#include "onednn/team.h"
#include "tactic/registry.h"

extern "C" __attribute__((visibility("default"))) void sinter_provider_register_v1(sinter::TacticRegistry& registry) {
  registry.add(&sinter::onednn::convolution());
  registry.add(&sinter::onednn::matmul());
  registry.add(&sinter::onednn::pooling());
  registry.set_team_maker("onednn.", sinter::onednn::make_openmp_team);
}
