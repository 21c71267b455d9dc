#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage, model files of all kinds, bench and doctor.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh" "$@"

expect 2 "usage: slimpilot COMMAND"
expect 0 "usage: slimpilot COMMAND" --help
expect 2 "there is no command 'nonsense'" nonsense
expect 2 "--nonsense" info random:pilotnet --nonsense
expect 2 "MODEL" info
expect 0 "--lambda" info --help
expect 2 "--data" optimize random:pilotnet
expect 2 "--resize 200 is not" info random:pilotnet --resize 200
expect 2 "--crop 5 is not" info random:pilotnet --crop 5
expect 2 "--normalize nonsense" info random:pilotnet --normalize nonsense
expect 2 "--color red" info random:pilotnet --color red

expect 2 "name the model file to write with --out" train pilotnet --data nowhere
expect 2 "does not end in .tflite or .slim" train pilotnet --data nowhere --out model.h5
expect 2 "--schedule sine" train pilotnet --data nowhere --out m.tflite --schedule sine
expect 2 "--augment rain" train pilotnet --data nowhere --out m.tflite --augment blur,rain
expect 2 "--epochs must be" train pilotnet --data nowhere --out m.tflite --epochs 0

expect_error "nowhere/model.h5" info nowhere/model.h5
expect_error "nowhere/model.tflite" info nowhere/model.tflite
expect_error ".pt and .ckpt are read" info model.pb
expect_error "nowhere/model.ckpt" info nowhere/model.ckpt
expect_error "model.state_dict()" info "$source/tests/golden/torch/whole_module.pth"
expect_error "pilotnet_same" info random:nonsense
expect_error "--lambda" info "$source/tests/golden/keras/lambda.h5"
expect_error "nowhere" predict random:pilotnet nowhere.png
expect_error "nowhere" optimize random:pilotnet --data nowhere
expect_error "nowhere" train pilotnet --data nowhere --out m.tflite

expect 0 "int8_only" techniques
for name in float32 dynamic_range float16 int8_float_fallback int16x8; do holds output "$name"; done
expect 0 "1595534 parameters" info random:pilotnet
holds output "1x66x200x3"
expect 0 "62470 parameters" info random:deepest_lstm_tiny_pilotnet:7

expect 0 "frames: 3 images as a sequence, 9, 5 and 0 frames back" info random:memdccp
expect 0 "frames: 2 images as channels, 1 and 0 frames back" info random:pilotnet_stacked
expect 2 "--frames-back 1,0 does not fit" info random:memdccp --frames-back 1,0
expect 2 "--frames-back 2,x,0 is no list" info random:memdccp --frames-back 2,x,0
expect 2 "--frames-back 256,1,0 does not fit" info random:memdccp --frames-back 256,1,0
for ending in tflite onnx slim; do
  expect 0 "stacked.$ending" convert random:pilotnet_stacked "stacked.$ending" --frames-back 2,0
  expect 0 "2 images as channels, 2 and 0 frames back" info "stacked.$ending"
done

expect 0 "x·(0.003921569" info "$source/tests/golden/torch/training.ckpt"
expect 0 "pilotnet.tflite" convert "$source/tests/golden/torch/pilotnet.pth" pilotnet.tflite
make_lstm
expect 0 "1x50x100x3" info lstm.tflite
holds output "rows 240:480"
expect 0 "p99.9" bench lstm.tflite --seconds 0.1
holds output "camera frame (640x480) to commands"
holds output "a fixed loop in turn with it"
expect 0 "lstm.slim: 0." convert lstm.tflite lstm.slim
expect 0 "again.tflite" convert lstm.slim again.tflite
if cmp lstm.tflite again.tflite >output 2>&1; then passed=$((passed + 1)); else fail ".tflite to .slim and back differs"; fi
expect 0 "plain.slim" convert lstm.slim plain.slim --plain
expect 0 "as .slim:" info plain.slim
holds output "entropy bits"
holds output "dense zstd planes"
expect 0 "brain_lstm.py" brain lstm.tflite --out brains
expect 2 "--out" brain lstm.tflite
expect_error "cannot write this format" convert random:deepest_lstm_tiny_pilotnet lstm.h5

expect 0 "nothing found" doctor lstm.tflite
holds output "drive, brain   yes"
expect 0 "try:  \`--normalize unit\`" doctor "$source/tests/golden/keras/donkey_linear.h5"
expect 0 "| raw_pixels |" doctor --table
expect 2 "name a model" doctor
expect_error "--lambda" doctor "$source/tests/golden/keras/lambda.h5"

expect 2 "--camera-runs must be 1 to" bench lstm.tflite --camera-runs 0
expect 0 "2 threads" bench lstm.tflite --seconds 0.1 --camera-runs 10 --threads 2
expect 2 "--arithmetic rough is none" run lstm.tflite --arithmetic rough
expect 2 "--threads must be 1 to 64" bench lstm.tflite --threads 0
expect 0 "all compute the same numbers" bench lstm.tflite --seconds 0.1 --explain
expect 2 "--way is STEP=WAY" bench lstm.tflite --seconds 0.1 --way dense1/relu
expect_error "there is no way 'abacus'" bench lstm.tflite --seconds 0.1 --way dense1/relu=abacus
expect_error "there is no step 'dense9'" bench lstm.tflite --seconds 0.1 --way dense9=avx2
expect_error "there is no step 'conv_lstm1/cell/tanh'" bench lstm.tflite --seconds 0.1 --way conv_lstm1/cell/tanh=avx2
SLIMPILOT_ISA=reference expect 0 "reference, 1 thread, exact arithmetic" bench lstm.tflite --seconds 0.1
SLIMPILOT_ISA=avx2 expect_error "reduced arithmetic needs instructions for bfloat16" bench lstm.tflite --seconds 0.1 --arithmetic reduced
SLIMPILOT_ISA=nonsense expect_error "use one of: reference" bench lstm.tflite --seconds 0.1

# Nothing half-written where nothing can be written, not even for the superuser: a file and a missing folder as parents.
echo "not a folder" >file
expect_error "file/lstm.tflite" convert random:deepest_lstm_tiny_pilotnet file/lstm.tflite
expect_error "missing/lstm.tflite" convert random:deepest_lstm_tiny_pilotnet missing/lstm.tflite
[ "$(cat file)" = "not a folder" ] && [ ! -e missing ] || fail "something was written"

# Torn files; tests/truncation_test.cpp has many more.
for original in "$source/tests/golden/keras/batch_norm.h5" lstm.tflite lstm.slim; do
  for percent in 0 10 50 90 99; do
    torn=torn.${original##*.}
    head -c $(($(stat -c %s "$original") * percent / 100)) "$original" >"$torn"
    expect_error "$torn" info "$torn"
  done
done

summary
