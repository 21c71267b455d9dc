// SPDX-License-Identifier: Apache-2.0
// Random changes to pictures that leave the labels right: other light, other camera. Mirroring changes labels and is not here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"

namespace slimpilot {

/// Each is applied to half of the pictures, in this order, with a strength drawn uniformly:
///   brightness  adds −50…50 to every channel            contrast  scales the distance from the mean by 0.6…1.4
///   hue         turns the hue by −15…15 degrees         gamma     (x/255)^g, log g uniform, g in 0.6…1.67
///   blur        Gaussian, sigma 0.3…1.2 pixels          shift     moves by up to 2 % of the width and 5 % of the height, the
///                                                                 edge repeated (labels stay)
enum class Augmentation : uint8_t { brightness, contrast, hue, gamma, blur, shift };

/// Names as above; "none" or nothing gives none, "all" all of them but shift. Throws UsageError for anything else.
std::vector<Augmentation> parse_augmentations(const std::vector<std::string>& names);

/// Changes an RGB picture of `height` rows in place.
void augment(std::span<uint8_t> rgb, int height, std::span<const Augmentation> augmentations, Random& random);

/// Left and right exchanged.
void mirror(std::span<uint8_t> rgb, int height);

}  // namespace slimpilot
