#!/usr/bin/env bash
# A campaign on Slurm: one Ray node per host, one worker per card. Submit it from the repository, where .venv is:
#   sbatch --nodes=4 docker/slurm.sh scenarios/ /shared/datasets/synthetic 0:1000
# Where it is preempted Slurm queues it again, and where its time is up it does that itself; the campaign then goes on:
# what is sealed is kept. SCANYARD_CARLA names a CARLA start script; without it workers run our own server, on cores
# instead of cards. All cards of a host are used, whatever is asked for below.
# Checked by shellcheck; never submitted to a cluster yet.
#SBATCH --job-name=scanyard
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@60
set -euo pipefail

if [ $# -ne 3 ]; then
  echo "usage: sbatch [--nodes=N] docker/slurm.sh SCENARIOS DATASET SEEDS" >&2
  exit 2
fi
scenarios=$1 dataset=$2 seeds=$3
cores=${SLURM_CPUS_ON_NODE:?this is no Slurm job: submit it with sbatch}
cards=${SLURM_GPUS_ON_NODE:-0}
if [ -n "${SCANYARD_CARLA:-}" ] && [ "$cards" -eq 0 ]; then
  echo "SCANYARD_CARLA is set, and Slurm gave these hosts no card: ask for some (--gpus-per-node), or unset it" >&2
  exit 2
fi
export PATH="$PWD/.venv/bin:$PATH" RAY_USAGE_STATS_ENABLED=0
# Who else is on these hosts may not use our nodes; the token lies in the home folder, which all hosts share.
ray get-auth-token --generate >/dev/null
export RAY_AUTH_MODE=token

if [ -n "${SCANYARD_CARLA:-}" ]; then
  per_host=$cards
  worker=(--carla "$SCANYARD_CARLA" --gpus 1 --cpus "$((cores / cards))")
  if [ "$cards" -gt 1 ]; then  # Ray's card says nothing to CARLA: every server would render on the first
    worker+=(--adapters "$(seq -s, 0 "$((cards - 1))")")
  fi
else
  per_host=$((cores / 2 > 0 ? cores / 2 : 1))
  worker=(--cpus 2)
fi

mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
address=$(getent ahostsv4 "${hosts[0]}" | awk 'NR == 1 { print $1 }')
port=$((20000 + SLURM_JOB_ID % 10000))  # two jobs may meet on a host
running=()

finish() {
  trap - EXIT TERM USR1
  kill "${running[@]}" 2>/dev/null || true
  wait || true
}
trap finish EXIT
trap 'finish; exit 143' TERM
trap 'finish; scontrol requeue "$SLURM_JOB_ID"; exit 0' USR1

step=(--overlap --nodes=1 --ntasks=1 --cpus-per-task="$cores" --cpu-bind=none)
if [ "$cards" -gt 0 ]; then
  step+=(--gpus-per-node="$cards")  # or the step sees what the job asked for, which --exclusive exceeds
fi
node() {  # HOST OPTIONS...: the Ray node of a host, ended with the job step
  local host=$1
  shift
  srun "${step[@]}" --nodelist="$host" \
    ray start --block --num-cpus="$cores" --num-gpus="$cards" "$@" &
  running+=("$!")
}

node "${hosts[0]}" --head --node-ip-address="$address" --port="$port" --include-dashboard=false
for host in "${hosts[@]:1}"; do
  node "$host" --address="$address:$port"  # it tries until the head is there
done
until ray health-check --address "$address:$port" 2>/dev/null; do
  if ! kill -0 "${running[0]}" 2>/dev/null; then
    echo "the Ray node on ${hosts[0]} ended before it was up; what it said is above" >&2
    exit 1
  fi
  sleep 2
done

# The driver waits for nodes that are late, and goes on without those that vanish.
scanyard simulate "$scenarios" --out "$dataset" --seeds "$seeds" --address "$address:$port" \
  --workers "$((per_host * ${#hosts[@]}))" "${worker[@]}" &
running+=("$!")
wait "$!"
