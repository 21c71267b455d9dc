#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Training, and techniques that train.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh" "$@"

make_lstm
make_recording
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
  aware="optimize lstm.tflite --data recording --frames 0::4 --effort quick --recipes mine.json --threads 1 --out aware"
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
  expect 0 "qat" optimize lstm.tflite --data recording --frames 0::4 --effort quick --threads 1 --techniques qat --out own
  [ "$(cat own/steps/notes.txt)" = mine ] || fail "somebody's file is removed"
  # Killed in the middle and started again, it ends with the table of a run that went through; times differ.
  learn="optimize lstm.tflite --data recording --frames 0::4 --effort quick --threads 1 --techniques float32,pqat,pcqat"
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
  expect 1 "frames to learn from" optimize lstm.tflite --data recording --techniques qat --out aware2
  expect 0 "half" optimize lstm.tflite --data recording --frames 0::8 --recipe "half=prune sparsity=0.5" --techniques half --out half
  expect 0 "parameters" info half/half.slim
  grep -qE "conv1.* (49|50)\.[0-9] " output && passed=$((passed + 1)) || fail "--recipe does not prune half"
  grep -qE " (49|50)\.[0-9] % of the layers' weights are zero" output && passed=$((passed + 1)) || fail "info does not say that half is zero"
  expect 2 "NAME=RECIPE" optimize lstm.tflite --data recording --recipe prune --out half
  expect_error "there is no pass 'shrink'" optimize lstm.tflite --data recording --recipe mine=shrink --out half
  echo '{"mine": "shrink"}' >bad.json
  expect_error "there is no pass 'shrink'" optimize lstm.tflite --data recording --recipes bad.json --out aware2
  echo '{"mine": 3}' >bad.json
  expect_error "must be a text of passes" optimize lstm.tflite --data recording --recipes bad.json --out aware2
  expect_error "no checkpoint to resume from" $tiny --out new.tflite --resume
  expect 1 "missing/m.tflite" $tiny --out missing/m.tflite
else
  expect_error "libtorch-dev" train pilotnet --data recording --out m.tflite
fi

summary
