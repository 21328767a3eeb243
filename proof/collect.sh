#!/usr/bin/env bash
# Collects stored runs for the proofs, each in a fresh process, on every GPU at once. See proof/README.md.
#   proof/collect.sh FOLDER UNCHANGED [SMALLEST [OTHERS [LAYOUTS]]]
# UNCHANGED runs, SMALLEST runs slowed by 0.5 % of kernel time, OTHERS at each other size, LAYOUTS of each layout.
# BUDGET_S  start no run that would not end within so many seconds, and end what still runs then (default: 1500)
# DEVICES   for example "cuda:0 cuda:1" (default: all);  ARGS  more pytest arguments;  PYTHON  the interpreter
set -euo pipefail
folder=$(realpath -m "${1:?a folder for the runs}") unchanged=${2:?how many unchanged runs}
smallest=${3:-0} others=${4:-0} layouts=${5:-0}
cd "$(dirname "$0")/.."
budget=${BUDGET_S:-1500} python=${PYTHON:-.venv/bin/python} slowed=${SLOWED:-tensorrt-fp16}
if [ -z "${DEVICES:-}" ]; then
    DEVICES=$("$python" -c 'import torch; print(*(f"cuda:{i}" for i in range(torch.cuda.device_count())))')
fi
read -ra devices <<<"$DEVICES"
[ ${#devices[@]} -gt 0 ] || { echo "collect.sh: no CUDA GPU here; name a device in DEVICES" >&2; exit 2; }

matrix="--models efficientnet_b0 --variants eager-fp32,torchscript-fp32,tensorrt-fp16 --batch-sizes 1,128 -k speed"
slow="-p proof.slowdown --slow $slowed"
# A job is a slot, a name to save as, and arguments. The kinds take turns, so that every sitting has some of each; a
# GPU takes the slots of its number modulo the number of GPUs, so that each has its share of the two large kinds and
# the small ones stay on one GPU: confirmations are of the run's own unit.
job() { if [ "$1" -le "$2" ]; then echo "${*:3}"; fi; }
list_jobs() {
    local most=$unchanged turn size slot
    for turn in $smallest $others $layouts; do most=$((turn > most ? turn : most)); done
    for turn in $(seq "$most"); do
        job "$turn" "$unchanged" "$turn" unchanged "$matrix"
        job "$turn" "$smallest" "$turn" slowed-kernel-0.5 "$matrix $slow --slow-kernel-time 0.5%"
        slot=1
        for size in 1 2 5; do
            job "$turn" "$others" $((slot++)) "slowed-kernel-$size" "$matrix $slow --slow-kernel-time $size%"
        done
        for size in 5 10 20; do
            job "$turn" "$others" $((slot++)) "slowed-host-$size" "$matrix $slow --slow-latency $size% -k latency"
        done
        for module in none blocks.1.0; do
            job "$turn" "$layouts" "$slot" "layout-$module" "--models efficientnet_b0 --variants eager-fp32" \
                "--batch-sizes 128 -k speed -p proof.slowdown --slow eager-fp32 --slow-layout $module"
        done
    done
}

# The jobs of one GPU, one after the other.
work() {
    local number=$1 device=${devices[$1]} longest=0 runs=0 index=0 slot name arguments began taken left status log
    log=$folder/${device//:/}
    while read -r slot name arguments <&3; do
        index=$((index + 1))
        [ $((slot % ${#devices[@]})) -eq "$number" ] || continue
        left=$((budget - SECONDS))
        if [ "$left" -le "$longest" ]; then
            echo "$device: stopped after $runs runs, the budget of $budget s is used up"
            return
        fi
        began=$SECONDS status=0
        # killed, not interrupted: an interrupted session would save half a run
        # shellcheck disable=SC2086
        timeout -s KILL "$left" "$python" -m pytest benchmarks/ --device "$device" $arguments \
            --benchmark-save="$name" --benchmark-storage="file://$folder/${device//:/}" ${ARGS:-} \
            >"$log.log" 2>&1 </dev/null || status=$?
        taken=$((SECONDS - began)) runs=$((runs + 1))
        longest=$((taken > longest ? taken : longest))
        echo "$device: $name took $taken s, exit status $status"
        if [ "$status" -ne 0 ]; then mv "$log.log" "$log-failed-$index.log"; fi
    done 3<<<"$list"
    echo "$device: all $runs runs done"
}

list=$(list_jobs)
mkdir -p "$folder"
echo "$(wc -l <<<"$list") runs on ${devices[*]} into $folder, in at most $budget s"
for number in "${!devices[@]}"; do work "$number" & done
wait
echo "$(find "$folder" -name '*.json' | wc -l) runs stored, $(du -sh "$folder" | cut -f1)"
