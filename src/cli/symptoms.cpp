// SPDX-License-Identifier: Apache-2.0
#include "cli/symptoms.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace slimpilot {
namespace {

// In the order in which people meet them: reading, numbers, integers, size, speed, driving, the robot.
constexpr Symptom kSymptoms[] = {
    {"lambda", "a Keras model is refused for its Lambda layer", "the layer holds Python code, which is never run",
     "`--lambda NAME=SCALE,OFFSET`, which says what it computes"},
    {"weights_only", "a PyTorch file is refused", "a whole pickled module needs its Python code; a state dictionary does not",
     "saving `model.state_dict()`, or an ONNX file of `torch.onnx.export`"},
    {"raw_pixels", "errors are large, the car hardly steers",
     "the training script scaled the pixels, which the file does not say, and no layer in front does it",
     "`--normalize unit`, `imagenet` or `SCALE,OFFSET`, as in training"},
    {"wrong_colors", "errors are somewhat large; red and blue things confuse the car",
     "OpenCV reads blue first, and training did not turn it round", "`--color bgr`, or `yuv` after NVIDIA's paper"},
    {"no_camera_size", "frames are refused for their size",
     "the network takes pictures of one size, and the file does not say how frames become such",
     "`--crop TOP:BOTTOM` and `--resize WxH`"},
    {"no_camera_image", "no command makes the network's input",
     "it takes other inputs than colour images, such as the speed, or images of other channels",
     "the engine runs it: `run_tensors` of the Python module"},
    {"unnamed_outputs", "commands are named output 0, output 1", "the file does not say what its outputs mean",
     "`--outputs v:6.5:24,w:-7.1:7.1`, once, with `convert`"},
    {"unscaled_outputs", "the car crawls; commands lie between 0 and 1",
     "training scaled the labels to 0 … 1, and nothing says from what", "`--outputs v:MIN:MAX,w:MIN:MAX`"},
    {"no_v_w", "`drive` refuses the model; `brain` may, too",
     "they want speed v in m/s and turn w in rad/s; `brain` takes throttle and steer, too",
     "`--outputs v:…,w:…` if that is what its outputs are"},
    {"not_normal", "calibration finds numbers that are not finite", "the frames are not those of training, or scaled otherwise",
     "`info`, which shows the preprocessing; see raw_pixels"},
    {"is_integer", "`optimize` refuses the weights, or gains nothing", "the model has been quantized already",
     "the float model that it was made from"},
    {"real_layers", "a technique is `ok` but not integer-only",
     "LiteRT has no integer kernel for some layers, which stay in real numbers",
     "`int8_float_fallback` as it is, or a network with ReLU for ELU, and without softmax (`int16x8`: and without recurrent "
     "layers)"},
    {"small_weights", "`dynamic_range` is hardly smaller",
     "weights of fewer than 1024 numbers stay real, as in TensorFlow's converter", "`int8_only`, which quantizes all"},
    {"bad_integers", "an integer model is much worse than float32", "frames that calibrated do not show what the road shows",
     "`--calibration-frames`, `--calibration percentile`; `sensitivity`, which names the layer; `qat`"},
    {"raw_integers", "errors of thousands in another runtime", "its integers were compared with labels as they are",
     "dequantizing its outputs and quantizing its inputs, as slimpilot does"},
    {"large_layer", "the file is large", "most of it is one dense layer behind the convolutions",
     "`--techniques cluster,pcqat,deep_compression,prune_channels`"},
    {"zeros_take_place", "a pruned or clustered file is no smaller",
     "`.tflite` leaves out zeros only where LiteRT can read that, `.onnx` none, and neither shares numbers",
     "`.slim`, whose size stands in the table too"},
    {"pruning_is_lossy", "a pruned model leaves the road", "a small layer cannot spare what a large one can",
     "`prune_global`, less `sparsity`, more `tune`: `--recipe NAME='prune_global sparsity=0.5 | tune epochs=3'`"},
    {"recurrent", "most of the time goes into an LSTM or ConvLSTM",
     "those of several steps, and stateful ones, run in one thread",
     "`int8_only`, in which they are about three times as fast"},
    {"slow_start", "the first start takes seconds", "kernels are measured on this machine, once per model",
     "keeping `~/.cache/slimpilot`, or `XDG_CACHE_HOME`"},
    {"slow_tail", "single frames take much longer than the median", "other programs use the core",
     "`bench`, which shows a fixed loop beside it; a core of its own; `--threads` below the number of cores"},
    {"not_fast_enough", "the model is too slow for its camera", "real numbers read four times as many bytes as int8",
     "`int8_only`; `--arithmetic reduced`; `--threads N`; `distill`"},
    {"good_mse_no_lap", "a small MSE, and the car leaves the road",
     "errors in bends count little among straights, and the car sees what no driver showed",
     "`drive`, not MSE alone; `record --disturb 1`; `train --mirror --balance`"},
    {"late_commands", "drives well slowly, not at speed", "commands come too late for the next bend",
     "`drive --sweep latency-ms:0:300:50`, which shows how late they may be"},
    {"depends_on_history", "the same frame gives other commands", "stateful layers remember the frames before",
     "`reset_state` where a drive begins; `predict`, which judges each picture alone"},
    {"bad_rows", "a recording is refused for some of its rows", "pictures are missing or torn, or a label is no number",
     "`--skip-bad-frames`, which leaves them out and names them"},
    {"tflite_refuses", "`.tflite` cannot be written", "the format has no way to say what a layer does",
     "`.slim`, or `.onnx` for other runtimes"},
    {"onnx_refuses", "`.onnx` cannot be written", "the format has no way to say what a layer does",
     "`.slim`, or `.tflite` for other runtimes"},
    {"cannot_train", "techniques that train are refused", "slimpilot was built without libtorch",
     "installing libtorch-dev and libopenblas0-pthread, and building again"},
};

}  // namespace

std::span<const Symptom> symptoms() { return kSymptoms; }

const Symptom& symptom_named(std::string_view name) {
  const auto found = std::ranges::find(kSymptoms, name, &Symptom::name);
  check(found != std::end(kSymptoms));
  return *found;
}

std::string symptoms_table() {
  const auto cell = [](std::string_view words) {
    std::string text;
    for (const char c : words) text += c == '|' ? std::string("\\|") : std::string(1, c);
    return text;
  };
  std::string text = "| name | what you see | because | what to try |\n|---|---|---|---|\n";
  for (const Symptom& s : kSymptoms)
    text += fmt::format("| {} | {} | {} | {} |\n", s.name, cell(s.seen), cell(s.because), cell(s.remedy));
  return text;
}

}  // namespace slimpilot
