# SPDX-License-Identifier: Apache-2.0
# For the scripts beside this one: command line in, expected text and exit code out. Arguments: the program, the source folder, the
# program raw_frame. Everything happens in a temporary folder; the last line, which `summary` prints, counts.
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

# lstm.tflite: a network of random weights.
make_lstm() { expect 0 "lstm.tflite" convert random:deepest_lstm_tiny_pilotnet lstm.tflite; }

# ring.csv: a circuit of 12 m radius.
make_ring() {
  awk 'BEGIN { print "x_m,y_m"; for (i = 0; i < 150; ++i) printf "%.4f,%.4f\n", 12 * cos(i * 0.0418879), 12 * sin(i * 0.0418879) }' >ring.csv
}

# recording: a drive on it.
make_recording() {
  make_ring
  expect 0 "put back 0 times" record --circuit ring.csv --disturb 1 --out .
  mv ring_forward recording
}

summary() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}
