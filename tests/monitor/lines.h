// Lines of tegrastats, one for each generation and kind of module: the forms that its releases write.
#pragma once

namespace sinter::tool::monitor::test {

// JetPack 4 (L4T 32) on a Nano and a TX2.
constexpr const char* kNano4 =
    "RAM 1234/3956MB (lfb 4x4MB) SWAP 12/1978MB (cached 1MB) IRAM 0/252kB(lfb 252kB) CPU [12%@1479,17%@1479,off,off] EMC_FREQ 3%@1600 GR3D_FREQ 45%@921 "
    "PLL@29C CPU@29.5C PMIC@100C GPU@28C AO@33.5C thermal@29C POM_5V_IN 1812/1790 POM_5V_GPU 0/0 POM_5V_CPU 401/395";
constexpr const char* kTx2 =
    "RAM 1710/7854MB (lfb 84x4MB) CPU [0%@499,off,off,0%@499,0%@499,0%@498] EMC_FREQ 0%@665 GR3D_FREQ 0%@140 APE 150 MTS fg 0% bg 2% BCPU@32C MCPU@32C "
    "Tboard@29C Tdiode@29.25C PMIC@100C VDD_IN 1183/1190 VDD_CPU 152/152 VDD_WIFI 0/0";
// JetPack 5 (L4T 35) on a Xavier NX and an Orin NX.
constexpr const char* kXavier5 =
    "07-09-2024 13:31:31 RAM 3168/6851MB (lfb 2x4MB) SWAP 161/3426MB (cached 0MB) CPU [23%@1397,17%@1192,16%@1190,13%@1190,23%@1190,10%@1190] EMC_FREQ "
    "2%@204 GR3D_FREQ 0%@[114] VIC_FREQ 115 APE 150 AUX@45C CPU@46.5C thermal@45.6C AO@45C GPU@45.5C PMIC@50C VDD_IN 2763mW/2846mW VDD_CPU_GPU_CV "
    "650mW/670mW VDD_SOC 650mW/711mW";
constexpr const char* kOrin5 =
    "01-24-2024 09:17:09 RAM 3503/7337MB (lfb 7x1MB) SWAP 430/3668MB (cached 1MB) CPU [11%@729,13%@729,9%@729,18%@729,off,off] EMC_FREQ 0%@2133 GR3D_FREQ "
    "0%@305 GR3D2_FREQ 0%@0 VIC_FREQ 115 APE 174 CV0@-256C CPU@44.093C GPU@41.343C tj@46.968C VDD_IN 4915mW/4915mW NC 0mW/0mW NC 1mW/2mW";
// JetPack 6 (L4T 36) on an AGX Orin and an Orin Nano.
constexpr const char* kAgx6 =
    "05-09-2026 18:42:06 RAM 18207/62841MB (lfb 466x4MB) SWAP 86/31420MB (cached 0MB) CPU [14%@2188,5%@2112] EMC_FREQ 3%@2133 GR3D_FREQ 7%@[1300,1200] "
    "NVENC 79%@166 NVDEC off NVJPG off NVJPG1 off VIC 36%@115 OFA off NVDLA0 off PVA0_FREQ off APE 174 cpu@52.562C soc2@48.437C VDD_GPU_SOC "
    "2412mW/2410mW VDD_CPU_CV 1607mW/1606mW VIN_SYS_5V0 4707mW/4700mW";
constexpr const char* kNano6 =
    "01-05-2026 23:46:32 RAM 3456/7620MB (lfb 22x256kB) SWAP 178/12002MB (cached 2MB) CPU [1%@1728,9%@1728,3%@1728,1%@1728,0%@1728,0%@1728] GR3D_FREQ 76% "
    "cpu@51.468C soc2@50.281C gpu@51.843C VDD_IN 5432mW/5430mW VDD_CPU_GPU_CV 1816mW/1800mW VDD_SOC 2610mW/2600mW";

constexpr const char* kLines[] = {kNano4, kTx2, kXavier5, kOrin5, kAgx6, kNano6};

}  // namespace sinter::tool::monitor::test
