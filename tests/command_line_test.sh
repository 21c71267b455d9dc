#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Command line in, expected text and exit code out. Arguments: the program, the source folder, the program raw_frame.
# Everything happens in a temporary folder; the last line counts.
set -uo pipefail
program=$1 source=$2 raw_frame=$3
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export XDG_CACHE_HOME=$folder/cache
passed=0 failed=0

fail() {
  failed=$((failed + 1))
  echo "FAILED: $1"
  head -c 2000 output
}

# expect CODE TEXT ARGUMENT...: runs the program; both streams together must hold TEXT.
expect() {
  local code=$1 text=$2 actual
  shift 2
  "$program" "$@" >output 2>&1
  actual=$?
  if [ "$actual" -ne "$code" ]; then fail "slimpilot $*: exit code $actual instead of $code"
  elif ! grep -qF -- "$text" output; then fail "slimpilot $*: '$text' is not printed"
  else passed=$((passed + 1)); fi
}

# An input at fault: exit code 1 and one line.
expect_error() {
  expect 1 "$@"
  [ "$(wc -l <output)" -eq 1 ] || fail "${*:2}: the message is not one line"
}

holds() { if grep -qF -- "$2" "$1"; then passed=$((passed + 1)); else cp "$1" output; fail "$1 lacks $2"; fi; }

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
expect 0 "lstm.tflite" convert random:deepest_lstm_tiny_pilotnet lstm.tflite
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

# A ring of 12 m radius to drive on.
awk 'BEGIN { print "x_m,y_m"; for (i = 0; i < 150; ++i) printf "%.4f,%.4f\n", 12 * cos(i * 0.0418879), 12 * sin(i * 0.0418879) }' >ring.csv
expect 0 "put back 0 times" record --circuit ring.csv --disturb 1 --out .
mv ring_forward recording
frame=$(find recording -name '*.png' | sort | head -1)
expect 0 "w (rad/s)" predict lstm.tflite "$frame"
SLIMPILOT_ISA=reference expect 0 "w (rad/s)" predict lstm.tflite "$frame" --arithmetic reduced
expect_error "--crop TOP:BOTTOM" predict lstm.tflite "$frame" --crop 100:9999

# run prints for each frame what predict prints, from a folder as from raw frames.
mkdir frames
cp recording/{2,9,10}.png frames
"$raw_frame" frames/{2,9,10}.png >frames.rgb
"$program" predict lstm.tflite frames/{2,9,10}.png | awk 'NR > 1 {sub(".*/", "", $1); print $1, $2, $3}' >predicted
[ "$(wc -l <predicted)" -eq 3 ] || fail "predict does not print three rows"
expect 0 " rad/s" run lstm.tflite frames
if diff <(awk '{print $1, $3, $6}' output) predicted; then passed=$((passed + 1)); else fail "run FOLDER is not predict"; fi
expect 0 " rad/s" run lstm.tflite - --size 640x480 <frames.rgb
if diff <(awk '{print $1, $3, $6}' output) <(awk '{print NR - 1, $2, $3}' predicted); then passed=$((passed + 1)); else fail "run - is not predict"; fi
expect 0 '{"frame": "10.png", "commands": {"v": ' run lstm.tflite frames --format jsonl --timing
holds output '}, "latency_us": '
holds output "3 frames: median "
expect 0 " µs" run lstm.tflite frames --timing
# Pictures for a network that sees several frames are consecutive ones, for predict as for run.
"$program" predict stacked.tflite frames/{2,9,10}.png | awk 'NR > 1 {sub(".*/", "", $1); print $1, $2, $3}' >predicted_several
expect 0 " rad/s" run stacked.tflite frames
if diff <(awk '{print $1, $3, $6}' output) predicted_several; then passed=$((passed + 1)); else fail "run is not predict of several frames"; fi
"$program" predict stacked.tflite frames/10.png | awk 'NR > 1 {sub(".*/", "", $1); print $1, $2, $3}' >predicted_alone
if grep -qFxf predicted_alone predicted_several; then fail "predict does not see the frames before"; else passed=$((passed + 1)); fi
expect 0 "p99.9" bench stacked.tflite --data recording --seconds 0.1 --camera-runs 10
expect 0 "inf" compare stacked.tflite stacked.slim --data recording --frames 0::20
for ending in tflite slim; do expect 0 "sequence.$ending" convert random:pilotnet_x3 "sequence.$ending"; done
expect 0 "conv5/relu" compare sequence.tflite sequence.slim --data recording --frames 0::20
if grep -qE '^all +inf' output; then passed=$((passed + 1)); else fail "an LSTM that was taken apart computes something else"; fi
# A line is there before the next frame is.
{
  head -c 921600 frames.rgb
  for _ in $(seq 300); do
    [ -s first_line ] && break
    sleep .1
  done
  cp first_line line_before_next_frame
  head -c 921600 frames.rgb
} | "$program" run lstm.tflite --size 640x480 >first_line
[ "$(wc -l <line_before_next_frame)" -eq 1 ] && [ "$(wc -l <first_line)" -eq 2 ] && passed=$((passed + 1)) || fail "run keeps lines back"
head -c 1000000 frames.rgb >torn.rgb
expect 1 "standard input: frame 1 is cut off: 78400 of the 921600 bytes" run lstm.tflite --size 640x480 <torn.rgb
expect 1 "frame 2 is cut off" run lstm.tflite --size 641x480 <frames.rgb
expect_error "no frame came" run lstm.tflite --size 640x480 </dev/null
expect_error "--crop TOP:BOTTOM" run lstm.tflite --size 64x48 <frames.rgb
expect 2 "--size WIDTHxHEIGHT" run lstm.tflite <frames.rgb
expect 2 "--size 640 is not WIDTHxHEIGHT" run lstm.tflite --size 640 <frames.rgb
expect 2 "larger than" run lstm.tflite --size 16000x16000 <frames.rgb
expect 2 "--size is for standard input" run lstm.tflite frames --size 640x480
expect 2 "none of text or jsonl" run lstm.tflite frames --format xml
mkdir no_frames
expect_error "no PNG or JPEG" run lstm.tflite no_frames
expect_error "nowhere" run lstm.tflite nowhere
expect_error "frames.rgb" run lstm.tflite frames.rgb
head -c 100 frames/2.png >frames/11.png
expect 1 "frames/11.png: " run lstm.tflite frames
if "$program" run lstm.tflite frames >/dev/full 2>output; then fail "run into a full disk succeeds"; else holds output "standard output"; fi

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

expect 0 "montreal_like" circuits
expect 0 "75.4" circuits ring.csv
expect 0 "2/2" drive expert --circuit ring.csv --both-directions --json drives.json --picture path.svg
holds drives.json '"lateral_error_mean_m"'
holds path.svg "</svg>"
expect 0 "1/1" drive constant:6:0.5 --circuit ring.csv
expect 0 "0/1" drive constant:6:0 --circuit ring.csv
expect 0 "latency ms" drive expert --circuit ring.csv --sweep latency-ms:0:400:400
expect 0 "ring" optimize out/float32.tflite --data recording --frames 0::40 --techniques float32,int8_only --out driven --sensitivity --drive ring.csv --starts 1
holds driven/results.json '"success_rate_95"'
holds driven/report.html "Driven paths"
holds driven/report.html "Each layer"
holds driven/report.html "Hurts most"
# Another program drives: it reads frames and says what `run` says.
expect 0 "1/1" drive "command:'$program' run '$source/models/deepest_lstm_tiny_pilotnet.tflite' --size 640x480 --format jsonl" --circuit ring.csv
expect 1 "answered 'hello'; a line for each frame is expected" drive "command:while head -c 921600 >frame; do echo hello; done" --circuit ring.csv
expect 1 "ended with exit code 3 after 0 answers" drive "command:exit 3" --circuit ring.csv
expect 2 "name the program behind command:" drive command: --circuit ring.csv
expect 2 "--circuit is required" drive expert
expect 2 "constant:V:W" drive constant:6 --circuit ring.csv
expect 2 "--sweep must be" drive expert --circuit ring.csv --sweep latency-ms:5
expect_error "unknown circuit 'monza'" drive expert --circuit monza
expect_error "there is no scenery 'snow'" drive expert --circuit ring.csv --scenery snow
expect_error "no output 'v'" drive lstm.tflite --circuit ring.csv --outputs a,b

# A recorder that is killed and started again makes the recording of one that was not.
expect 0 "put back" record --circuit ring.csv --disturb 1 --out whole
{ timeout -s KILL 0.4 "$program" record --circuit ring.csv --disturb 1 --out torn; } >/dev/null 2>&1
expect 0 "put back" record --circuit ring.csv --disturb 1 --out torn
if diff -rq whole torn >output; then passed=$((passed + 1)); else fail "the recordings differ"; fi
expect_error "already holds a recording" record --circuit ring.csv --disturb 1 --out whole
expect 0 "v" evaluate out/float32.tflite --data whole/ring_forward --frames 0::20
# A car that is pushed off the road is put back for good: no push outlasts its drive.
expect 0 "put back" record --circuit ring.csv --disturb 4 --laps 3 --out pushed
grep -qE "put back [1-9] times" output && passed=$((passed + 1)) || fail "the car is not put back a few times"

# Where the program was built without libtorch, it says so.
if [ -x "$(dirname "$program")/slimpilot_training" ]; then
  tiny="train deepest_lstm_tiny_pilotnet --data recording --threads 1"
  expect 0 "trained.tflite: 0.15 MB" $tiny --epochs 1 --mirror --balance --augment all,shift --epoch-frames 64 --out trained.tflite
  holds output "validation MAE"
  holds trained.tflite.log.csv "epoch,train_loss,validation_loss"
  [ ! -e trained.tflite.checkpoint ] || fail "the checkpoint is left behind"
  expect 0 "v" evaluate trained.tflite --data recording
  expect 0 "again.tflite" train trained.tflite --data recording --epochs 1 --threads 1 --out again.tflite
  expect 1 "write a .slim file" train pilotnet_x3 --data recording --threads 1 --out x3.tflite
  expect 0 "x3.slim: " train pilotnet_x3 --data recording --threads 1 --epochs 1 --epoch-frames 16 --frames 0::20 --frames-back 2,1,0 --out x3.slim
  expect 0 "3 images as a sequence, 2, 1 and 0 frames back" info x3.slim
  # Techniques that train; what is trained already is not trained again.
  echo '{"mine": "prune sparsity=0.6 | tune | quantize_float16"}' >mine.json
  aware="optimize out/float32.tflite --data recording --frames 0::4 --effort quick --recipes mine.json --threads 1 --out aware"
  expect 0 "pcqat" $aware --techniques float32,qat,pcqat,mine
  holds output "qat: order_channels | equalize_channels | quantize_integer | tune epochs=2 rate=5e-04 teacher=1"
  holds output "epoch 1: train loss"
  holds aware/steps/recipes.txt "prune sparsity=0.6 | tune"
  trained=$(ls -l --time-style=full-iso aware/steps)
  for name in qat pcqat mine; do holds aware/results.json "\"technique\": \"$name\""; done
  expect 0 "pcqat" $aware --techniques pcqat,mine
  [ "$trained" = "$(ls -l --time-style=full-iso aware/steps)" ] || fail "steps that are trained are trained again"
  # Neither a run that does not train nor one with other settings removes what it has not made.
  expect 0 "float16" $aware --techniques float16
  [ "$trained" = "$(ls -l --time-style=full-iso aware/steps)" ] || fail "trained steps are lost"
  mkdir -p own/steps && echo mine >own/steps/notes.txt
  expect 0 "qat" optimize out/float32.tflite --data recording --frames 0::4 --effort quick --threads 1 --techniques qat --out own
  [ "$(cat own/steps/notes.txt)" = mine ] || fail "somebody's file is removed"
  # Killed in the middle and started again, it ends with the table of a run that went through; times differ.
  learn="optimize out/float32.tflite --data recording --frames 0::4 --effort quick --threads 1 --techniques float32,pqat,pcqat"
  expect 0 "pcqat" $learn --out whole_run
  "$program" $learn --out torn_run >/dev/null 2>&1 &
  for _ in $(seq 600); do
    [ -s torn_run/steps/recipes.txt ] && break
    sleep .1
  done
  { kill -KILL $! && wait $!; } 2>/dev/null
  if grep -q '"technique": "pcqat"' torn_run/results.json 2>/dev/null; then fail "the run was not killed early enough"; fi
  expect 0 "pcqat" $learn --out torn_run
  without_times() { sed "s/$1/RUN/" "$1/results.json" | grep -v '"latency_ms'; }
  if diff <(without_times whole_run) <(without_times torn_run) >output; then passed=$((passed + 1)); else fail "the tables differ"; fi
  for step in whole_run/steps/*.slim; do
    if cmp -s "$step" "torn_run/steps/${step##*/}"; then passed=$((passed + 1)); else fail "$step differs"; fi
  done
  expect 1 "frames to learn from" optimize out/float32.tflite --data recording --techniques qat --out aware2
  expect 0 "half" optimize out/float32.tflite --data recording --frames 0::8 --recipe "half=prune sparsity=0.5" --techniques half --out half
  grep -qE "conv1.* (49|50)\.[0-9] " <("$program" info half/half.slim) && passed=$((passed + 1)) || fail "--recipe does not prune half"
  expect 2 "NAME=RECIPE" optimize out/float32.tflite --data recording --recipe prune --out half
  expect_error "there is no pass 'shrink'" optimize out/float32.tflite --data recording --recipe mine=shrink --out half
  echo '{"mine": "shrink"}' >bad.json
  expect_error "there is no pass 'shrink'" optimize out/float32.tflite --data recording --recipes bad.json --out aware2
  echo '{"mine": 3}' >bad.json
  expect_error "must be a text of passes" optimize out/float32.tflite --data recording --recipes bad.json --out aware2
  expect_error "no checkpoint to resume from" $tiny --out new.tflite --resume
  expect 1 "missing/m.tflite" $tiny --out missing/m.tflite
else
  expect_error "libtorch-dev" train pilotnet --data recording --out m.tflite
fi

# Nothing half-written where nothing can be written, not even for the superuser: a file and a missing folder as parents.
echo "not a folder" >file
expect_error "file/lstm.tflite" convert random:deepest_lstm_tiny_pilotnet file/lstm.tflite
expect_error "missing/lstm.tflite" convert random:deepest_lstm_tiny_pilotnet missing/lstm.tflite
expect_error "file" optimize random:deepest_lstm_tiny_pilotnet --data recording --frames 0::4 --techniques float32 --out file
[ "$(cat file)" = "not a folder" ] && [ ! -e missing ] || fail "something was written"

# Torn files; tests/truncation_test.cpp has many more.
for original in "$source/tests/golden/keras/batch_norm.h5" lstm.tflite lstm.slim; do
  for percent in 0 10 50 90 99; do
    torn=torn.${original##*.}
    head -c $(($(stat -c %s "$original") * percent / 100)) "$original" >"$torn"
    expect_error "$torn" info "$torn"
  done
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
