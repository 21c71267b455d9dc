#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The closed loop: circuits, drive, record.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh" "$@"

make_lstm
make_recording
expect 0 "montreal_like" circuits
expect 0 "75.4" circuits ring.csv
expect 0 "2/2" drive expert --circuit ring.csv --both-directions --json drives.json --picture path.svg
holds drives.json '"lateral_error_mean_m"'
holds path.svg "</svg>"
expect 0 "1/1" drive constant:6:0.5 --circuit ring.csv
expect 0 "0/1" drive constant:6:0 --circuit ring.csv
expect 0 "latency ms" drive expert --circuit ring.csv --sweep latency-ms:0:400:400
expect 0 "ring" optimize lstm.tflite --data recording --frames 0::40 --techniques float32,int8_only --out driven --sensitivity --drive ring.csv --starts 1
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
expect 0 "v" evaluate lstm.tflite --data whole/ring_forward --frames 0::20
# A car that is pushed off the road is put back for good: no push outlasts its drive.
expect 0 "put back" record --circuit ring.csv --disturb 4 --laps 3 --out pushed
grep -qE "put back [1-9] times" output && passed=$((passed + 1)) || fail "the car is not put back a few times"

summary
