#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Frames in, commands out: predict and run.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh" "$@"

make_lstm
make_recording
expect 0 "stacked.tflite" convert random:pilotnet_stacked stacked.tflite --frames-back 2,0
expect 0 "stacked.slim" convert stacked.tflite stacked.slim
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

summary
