#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is measured: optimize, evaluate, compare, sensitivity.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh" "$@"

make_recording
expect 0 "int16x8" optimize random:deepest_lstm_tiny_pilotnet --data recording --calibration-frames 8 --frames 0::4 --out out
names="float32 dynamic_range int4 float16 int8_float_fallback int8_only int16x8"
rows=$(for name in $names; do grep -cE "^$name +[0-9.]+ .* ok" output; done | paste -sd' ')
[ "$rows" = "1 1 1 1 1 1 1" ] && passed=$((passed + 1)) || fail "optimize does not print seven rows with status ok ($rows)"

# Layers that .tflite does not have: the .slim is measured, and that is said.
recurrent="float32 int8_only int16x8"
expect 0 "not integer-only: LSTM, no .tflite: layer 'lstm1'" optimize random:pilotnet_x3 --techniques ${recurrent// /,} --data recording --calibration-frames 2 --frames 0::20 --out recurrent
rows=$(for name in $recurrent; do grep -cE "^$name +- .* ok.*no \.tflite: layer" output; done | paste -sd' ')
[ "$rows" = "1 1 1" ] && passed=$((passed + 1)) || fail "optimize does not measure recurrent networks as .slim ($rows)"
[ -e recurrent/int8_only.slim ] && [ ! -e recurrent/int8_only.tflite ] && passed=$((passed + 1)) || fail "other files than int8_only.slim"
expect 0 "recurrent_s8_real" bench recurrent/int8_only.slim --explain

for key in command model frames techniques technique status model_path size_bytes slim_bytes mse mae sqnr_db max_difference latency_ms_p50 latency_ms_p99 isa arithmetic threads outputs; do
  holds out/results.json "\"$key\":"
done
if grep -q '"slim_bytes": null' out/results.json; then fail "slim_bytes is null"; else passed=$((passed + 1)); fi
for name in $names; do
  expect 0 "1x50x100x3" info "out/$name.tflite"
  expect 0 "1x50x100x3" info "out/$name.slim"
done
expect 0 "float32" evaluate out/float32.tflite out/int8_only.tflite --data recording --json evaluated.json
holds evaluated.json '"latency_ms_p50":'
expect 0 "slim MB" evaluate out/int8_only.tflite out/int8_only.slim --data recording --frames 0::8
grep -qE "^out/int8_only.slim .* inf " output && passed=$((passed + 1)) || fail "a .slim computes something else than its .tflite"
# What was measured of kernels is kept, and nothing depends on it.
ways=("$XDG_CACHE_HOME"/slimpilot/ways/*.json)
if [ -s "${ways[0]}" ]; then passed=$((passed + 1)); else fail "no file in the cache of ways"; fi
for file in "${ways[@]}"; do echo '{"dense1/relu": "abacus"}' >"$file"; done
expect 0 "slim MB" evaluate out/int8_only.tflite --data recording --frames 0::8
if [ "$(grep -L abacus "${ways[@]}" | wc -l)" -gt 0 ]; then passed=$((passed + 1)); else fail "a wrong file in the cache stays"; fi
XDG_CACHE_HOME=/dev/null/nowhere expect 0 "slim MB" evaluate out/int8_only.tflite --data recording --frames 0::8
expect 0 "worst layer" compare out/float32.tflite out/int8_only.tflite --data recording --frames 0::8
expect 2 "is for --against" info out/int8_only.tflite --data recording
expect 0 "SQNR dB" info out/int8_only.tflite --against out/float32.tflite --data recording --frames 0::8
grep -qE "^conv1/relu +conv1/kernel .* [0-9]+\.[0-9]  dense" output && passed=$((passed + 1)) || fail "info does not say how exact a layer is"
expect 0 "hurts most" sensitivity out/float32.tflite --data recording --frames 0::16 --calibration-frames 8
expect_error "selects no frame" evaluate out/float32.tflite --data recording --frames 5000:
expect_error "there is no technique 'int7'" optimize random:pilotnet --data recording --techniques int7
expect_error "calibration method" optimize random:pilotnet --data recording --calibration best --out out2

# Nothing half-written where a file is in the way.
echo "not a folder" >file
expect_error "file" optimize random:deepest_lstm_tiny_pilotnet --data recording --frames 0::4 --techniques float32 --out file
[ "$(cat file)" = "not a folder" ] || fail "something was written"

summary
